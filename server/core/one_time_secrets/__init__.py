"""Links and codes that prove something once: kept as digests, used by one conditional UPDATE."""
