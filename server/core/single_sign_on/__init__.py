"""Single sign-on: the identity providers of a realm, and who of its people is whom there."""
