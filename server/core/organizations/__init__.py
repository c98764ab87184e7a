"""Tenants, whose integrations they are, and customers, whose projects they are."""
