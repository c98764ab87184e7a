"""One question to one phone: asked, read, answered, or ended."""
