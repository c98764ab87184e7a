"""Realms: populations that sign in together, and the rules by which they do."""
