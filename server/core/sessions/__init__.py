"""Sessions: what a finished sign-in gives, its tokens, and their end."""
