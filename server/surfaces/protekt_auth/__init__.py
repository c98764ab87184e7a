"""What an application calls for its users: X-Protekt-Key or a user's token, snake_case, `{"error": {…}}`.

25 operations of the Protekt document, and two that SAML needs beside them.
"""

from server.surfaces.protekt_auth import (
    magic_link,
    mfa,
    otp,
    passwords,
    sessions,
    sign_up_and_in,
    sso,
    tokens,
    users,
)
from server.surfaces.protekt_auth.surface import surface

__all__ = [
    "magic_link",
    "mfa",
    "otp",
    "passwords",
    "sessions",
    "sign_up_and_in",
    "sso",
    "surface",
    "tokens",
    "users",
]
