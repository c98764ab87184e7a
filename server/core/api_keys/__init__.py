"""Keys that programs and operators show: an integration's API keys, and the operators' own."""
