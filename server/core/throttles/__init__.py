"""What may be done only so often, counted in the database: no restart and no other process forgets it."""
