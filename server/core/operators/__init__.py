"""Operators: the people of the realm `platform`, who run the instance and may do everything in it."""
