"""Pages for people who opened a link in a mail: HTML, one button, nothing from elsewhere."""

from server.surfaces.links import invitation, magic, reset_password, verify_email
from server.surfaces.links.surface import surface

__all__ = ["invitation", "magic", "reset_password", "surface", "verify_email"]
