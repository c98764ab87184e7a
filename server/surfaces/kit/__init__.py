"""What every surface is made of: routes, dialects, guards, limits, and the two lanes that serve them."""
