"""How fast the hot path is, beside trivial echoes on the same server in the same run. See `make bench`."""
