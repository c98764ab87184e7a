"""The HTTP APIs, one folder each: a surface knows a dialect, calls actions, shows outcomes."""
