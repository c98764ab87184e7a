"""What carries a request to its endpoint: Quart for every route, straight from ASGI for the hot ones."""
