"""How the instance runs as processes."""
