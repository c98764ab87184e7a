"""Principals: the people of a realm."""
