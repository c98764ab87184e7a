"""One machine for every sign-in: `begin`, `advance`, `finish`."""
