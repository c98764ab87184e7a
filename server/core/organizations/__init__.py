"""Tenants: whose integrations they are."""
