"""Projects: the applications of an organization, each with users of its own."""
