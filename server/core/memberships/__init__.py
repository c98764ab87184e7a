"""Memberships: who acts for a customer's organization, and in which role."""
