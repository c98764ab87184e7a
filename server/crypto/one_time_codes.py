"""Codes that people type: from an authenticator app, from a mail or SMS, from a sheet of paper.

Source: RFC 4226, RFC 6238 (SHA-1, 6 digits, 30 seconds: what every authenticator app knows);
NIST SP 800-63B-4, sections 3.1.4 and 4.2.1.
"""

import base64
import hmac
import re
import secrets
from datetime import datetime

import pyotp

STEP_SECONDS = 30
TOTP_DIGITS = 6
RECOVERY_CODES = 10

_SECRET_SIZE = 20  # the size of a SHA-1 digest: RFC 4226, section 4, R6
_MOST_DIGITS = 12
_TOTP = re.compile(rf"[0-9]{{{TOTP_DIGITS}}}")

# Crockford's digits, of which none looks like another; 80 bits in all.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_GROUPS = 4
_GROUP_SIZE = 4
_LOOK_ALIKES = str.maketrans("oil", "011")
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015\u2212]+")


def new_totp_secret() -> bytes:
    """The 20 random bytes that the server and an authenticator app share. Sealed at rest, shown once."""
    return secrets.token_bytes(_SECRET_SIZE)


def base32(secret: bytes) -> str:
    """The secret as people type it into an app: 32 characters of Base32 without padding for 20 bytes.

    Source: RFC 4648, section 6.
    """
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def totp_uri(secret: bytes, issuer: str, account: str) -> str:
    """The `otpauth://` URI that an app reads from a QR. It holds the secret.

    Args:
        secret: From `new_totp_secret`.
        issuer: What the app shows above the code: the application's name.
        account: Whose code it is: the e-mail address or user name.

    Source: the Key URI Format of Google Authenticator.
    """
    return _app(secret).provisioning_uri(name=account, issuer_name=issuer)


def totp_step_of(
    secret: bytes, code: str, now: datetime, *, drift: int = 1, after: int | None = None
) -> int | None:
    """The time step whose code *code* is, near *now* and later than *after*; None when there is none.

    Who keeps the step and gives it as *after* the next time accepts each code once. The time taken does not
    tell which step was right, or how much of a code.

    Args:
        secret: From `new_totp_secret`.
        code: 6 ASCII digits; anything else matches nothing.
        now: The instant at which it was typed; aware.
        drift: How many steps of 30 seconds the app's clock may be ahead or behind.
        after: The last step that was accepted.

    Source: RFC 6238, sections 4.2 and 5.2.
    """
    if not _TOTP.fullmatch(code):
        return None
    app, current = _app(secret), int(now.timestamp()) // STEP_SECONDS
    steps = range(max(0, current - drift), current + drift + 1)
    matches = [step for step in steps if hmac.compare_digest(app.generate_otp(step), code)]
    return next((step for step in matches if after is None or step > after), None)


def new_code(digits: int = 6) -> str:
    """A code for a mail or an SMS: exactly so many decimal digits, zeros in front kept, all equally likely.

    Raises:
        ValueError: Not 1 to 12 digits.
    """
    if not 1 <= digits <= _MOST_DIGITS:
        raise ValueError(f"a code has 1 to {_MOST_DIGITS} digits")
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def new_recovery_codes(count: int = RECOVERY_CODES) -> tuple[str, ...]:
    """So many new codes of 80 random bits each, as `xxxx-xxxx-xxxx-xxxx` in digits and lower-case letters.

    Shown once. What is kept of each is the digest of its `normalized_recovery_code`.
    """
    return tuple(_new_recovery_code() for _ in range(count))


def normalized_recovery_code(text: str) -> str:
    """The code that a person meant: without hyphens and spaces, in lower case, o read as 0, i and l as 1.

    Any text has a normal form; whether it is a code, its digest says.
    """
    return _BETWEEN.sub("", text).lower().translate(_LOOK_ALIKES)


def _new_recovery_code() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_SIZE)) for _ in range(_GROUPS))


def _app(secret: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(base32(secret), digits=TOTP_DIGITS, interval=STEP_SECONDS)
