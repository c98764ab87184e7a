"""New random tokens, and what is kept of them.

All come from the operating system's generator. What the server needs only to recognise is kept as its
SHA-256: every token here has 128 bits or more of its own, so a slow hash would add cost and no safety.

Source: docs/protocol/wire.md, sections 2, 3.2 and 5.
"""

import hashlib
import hmac
import re
import secrets

from server.crypto.encoding import b64url_encode

# Older devices put the time between the two random parts.
_PROOF_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\.(?:[A-Za-z0-9_-]{1,32}\.)?[A-Za-z0-9_-]{22}")
_OPERATOR_KEY = re.compile(r"(ezkey_okey_[0-9a-f]{20})_[A-Za-z0-9_-]{43}")
_PROJECT_KEY = re.compile(r"(pk_live_[0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_MAX_CHALLENGE_DIGITS = 9  # the longest that always fits an int32


def new_proof_token() -> str:
    """A proof token: 32 and 16 random bytes in Base64URL with a dot between, 66 characters, 384 bits."""
    return f"{b64url_encode(secrets.token_bytes(32))}.{b64url_encode(secrets.token_bytes(16))}"


def is_proof_token(text: str) -> bool:
    """Whether *text* has the shape that `new_proof_token` gives, or that of older devices' tokens.

    It says nothing about who made it.
    """
    return _PROOF_TOKEN.fullmatch(text) is not None


def new_api_key() -> tuple[str, str]:
    """An integration's API key: its name `ezkey_ikey_` + 20 hex digits, its secret `ezkey_skey_` + 40.

    The name is public and 80 bits long; the secret, 160 bits, is shown once and kept as its digest.
    """
    return f"ezkey_ikey_{secrets.token_hex(10)}", f"ezkey_skey_{secrets.token_hex(20)}"


def new_operator_key() -> str:
    """An operator's key in one text: `ezkey_okey_` + 20 hex digits + `_` + 43 characters of Base64URL.

    All before the last 44 characters is the key's name (`operator_key_name`), which is public and what
    lists and logs show. The rest is 256 random bits. The whole key is shown once and kept as its digest.
    """
    return f"ezkey_okey_{secrets.token_hex(10)}_{_secret()}"


def operator_key_name(key: str) -> str | None:
    """The public part of an operator key, `ezkey_okey_` + 20 hex digits; None when it has another shape."""
    match = _OPERATOR_KEY.fullmatch(key)
    return match[1] if match else None


def new_project_key() -> str:
    """A project's key in one text: `pk_live_` + 16 hex digits + `_` + 43 characters of Base64URL.

    As with an operator key, all before the last 44 characters is its public name (`project_key_name`), 256
    random bits follow, and the whole key is shown once and kept as its digest.
    """
    return f"pk_live_{secrets.token_hex(8)}_{_secret()}"


def project_key_name(key: str) -> str | None:
    """The public part of a project's key, `pk_live_` + 16 hex digits; None when it has another shape."""
    match = _PROJECT_KEY.fullmatch(key)
    return match[1] if match else None


def new_management_token() -> str:
    """A member's token for the account API: `mgmt_` + 43 characters, 256 bits. Kept as its digest."""
    return f"mgmt_{_secret()}"


def new_refresh_token() -> str:
    """A token that continues a session once: `rt_` + 43 characters, 256 bits. Kept as its digest."""
    return f"rt_{_secret()}"


def new_sign_in_handle() -> str:
    """What names an unfinished sign-in: `mfa_tmp_` + 43 characters, 256 bits. Kept as its digest."""
    return f"mfa_tmp_{_secret()}"


def new_link_token() -> str:
    """The secret in a mailed link: 43 characters of Base64URL, 256 bits. Kept as its digest."""
    return _secret()


def new_login_id() -> str:
    """A project's public name in tokens and sign-in URLs: `lp_` + 20 hex digits. It is no secret."""
    return f"lp_{secrets.token_hex(10)}"


def new_challenge(digits: int) -> int:
    """A number of exactly so many decimal digits, the first not zero, all such numbers equally likely.

    Args:
        digits: 1 to 9. The protocol's challenges have 2 to 6.

    Raises:
        ValueError: There is no such number, or it might not fit an int32.
    """
    if not 1 <= digits <= _MAX_CHALLENGE_DIGITS:
        raise ValueError(f"a challenge has 1 to {_MAX_CHALLENGE_DIGITS} digits")
    lowest: int = 10 ** (digits - 1)
    return lowest + secrets.randbelow(9 * lowest)


def digest(text: str) -> bytes:
    """The 32 bytes that are kept of a token: SHA-256 over its UTF-8.

    Every text has one, the malformed too (half a surrogate pair is encoded like any other code point), so
    a stranger's token needs no check before it is looked up.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def is_digest_of(kept: bytes, text: str) -> bool:
    """Whether *kept* is the digest of *text*, in a time that does not depend on how much of it is right."""
    return hmac.compare_digest(kept, digest(text))


def _secret() -> str:
    return b64url_encode(secrets.token_bytes(32))
