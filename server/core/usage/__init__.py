"""How much the applications of an organization are used, counted by the day as it happens."""
