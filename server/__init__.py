"""Countersign: push approval and sign-in, served over several published API documents."""
