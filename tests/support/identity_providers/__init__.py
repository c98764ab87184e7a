"""Identity providers that are not ours: npm's `oidc-provider` and `samlp`, and people who sign in there."""
