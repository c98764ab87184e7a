"""How the instance runs as processes: logs, the start, the workers, the stop, and the doctor."""
