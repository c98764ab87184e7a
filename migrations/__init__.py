"""The schema's history: one file a version, SQL, forward only. README.md says what a version looks like."""
