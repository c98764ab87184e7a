"""The instance itself: what it says of itself, its clock, its keys at rest."""
