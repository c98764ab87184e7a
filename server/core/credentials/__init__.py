"""Passwords: which are good enough, and whose they are."""
