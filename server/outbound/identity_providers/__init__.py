"""Identity providers: organizations' own sign-in, asked by OpenID Connect or SAML 2.0.

Nothing here knows realms or people of ours. Each kind of provider begins a sign-in with a URL to send the
browser to, and says afterwards whom it was told about, or why it does not believe it.
"""
