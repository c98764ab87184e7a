"""The product: one folder per domain, no HTTP."""
