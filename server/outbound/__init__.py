"""Other machines: what is said to them, and how. The only user of the libraries that do."""
