"""A relying party's application: its name on the phone, its signing key, its defaults."""
