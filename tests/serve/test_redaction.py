"""What is known for a secret by its shape, and what is not."""

import pytest

from server.crypto import tokens
from server.crypto.access_tokens import SigningKey, generate, sign
from server.serve.redaction import HIDDEN, mask_secrets

PROOF_TOKEN = f"{'pT-_' * 10}abc.{'xY9_' * 5}yz"
OLDER_PROOF_TOKEN = f"{'pT-_' * 10}abc.1712345678.{'xY9_' * 5}yz"

ACCESS_TOKEN = sign(SigningKey("ES256", generate("ES256").private_key), {"sub": "usr_1"}, "protekt-1")


def test_the_user_of_a_url_is_hidden() -> None:
    assert mask_secrets("at postgresql://me:p%40w@host/db") == f"at postgresql://{HIDDEN}@host/db"


@pytest.mark.parametrize(
    "secret",
    [
        "ezkey_skey_0",
        "ezkey_okey_a_b",
        PROOF_TOKEN,
        OLDER_PROOF_TOKEN,
        tokens.new_project_key(),
        tokens.new_management_token(),
        tokens.new_refresh_token(),
        tokens.new_sign_in_handle(),
        ACCESS_TOKEN,
    ],
    ids=[
        "secret",
        "operator",
        "proof",
        "older proof",
        "project",
        "management",
        "refresh",
        "sign-in",
        "access",
    ],
)
def test_each_kind_of_secret_is_hidden_in_a_text_without_the_others(secret: str) -> None:
    assert mask_secrets(f"<{secret}>") == f"<{HIDDEN}>"


@pytest.mark.parametrize(
    "harmless", ["https://host:8080/a@b", "a.b.c", "ezkey_ikey_0123456789abcdef0123", "start_of_something"]
)
def test_what_is_not_secret_is_not_hidden(harmless: str) -> None:
    assert mask_secrets(harmless) == harmless
