"""One person's phone at one integration: invited, bound, verified, and what may happen to it after that."""
