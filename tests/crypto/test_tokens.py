import hashlib
from collections import Counter
from collections.abc import Callable

import pytest

from server.crypto import tokens
from server.crypto.encoding import b64url_decode
from tests.vectors import VALID


def test_a_proof_token_has_the_shape_of_the_protocol() -> None:
    token = tokens.new_proof_token()

    assert len(token) == 66
    assert token[43] == "."
    assert tokens.is_proof_token(token)


def test_tokens_are_new_each_time() -> None:
    made = {tokens.new_proof_token() for _ in range(200)}
    made |= {key for _ in range(200) for key in tokens.new_api_key()}
    made |= {tokens.new_operator_key() for _ in range(200)}
    assert len(made) == 800


def test_the_tokens_of_the_vectors_have_the_shape() -> None:
    names = ("enrollmentProofToken", "deviceProofToken", "authAttemptProofToken")
    found = [vector.input[name] for vector in VALID for name in names if name in vector.input]

    assert found
    assert all(map(tokens.is_proof_token, found))


@pytest.mark.parametrize("middle", ["1760000000000", "2025-10-09T08_53_20Z", "a", "a" * 32])
def test_a_token_of_an_older_device_has_the_time_in_its_middle(middle: str) -> None:
    assert tokens.is_proof_token(f"{'a' * 43}.{middle}.{'b' * 22}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 66,
        "a" * 43 + ".." + "b" * 22,
        "a" * 43 + ".1760000000000",
        "a" * 43 + ".1760000000000.7." + "b" * 22,
        "a" * 43 + "." + "1" * 33 + "." + "b" * 22,
        "a" * 43 + ".17|6." + "b" * 22,
        "a" * 43 + ".",
        "a" * 42 + "." + "b" * 22,
        "a" * 43 + "." + "b" * 23,
        "a" * 43 + "." + "b" * 21 + "|",
        "a" * 43 + "." + "b" * 21 + "=",
        "a" * 43 + "." + "b" * 22 + "\n",
        "a" * 43 + "." + "b" * 21 + "\u0661",
        "a" * 43 + "." + "b" * 21 + "\ud800",
    ],
)
def test_another_shape_is_not_a_proof_token(text: str) -> None:
    assert not tokens.is_proof_token(text)


def test_an_api_key_has_the_shape_of_the_protocol() -> None:
    name, secret = tokens.new_api_key()

    assert (len(name), len(secret)) == (len("ezkey_ikey_") + 20, len("ezkey_skey_") + 40)
    assert set(name.removeprefix("ezkey_ikey_")) <= set("0123456789abcdef")
    assert set(secret.removeprefix("ezkey_skey_")) <= set("0123456789abcdef")


def test_an_operator_key_begins_with_its_public_name() -> None:
    key = tokens.new_operator_key()
    name = tokens.operator_key_name(key)

    assert name is not None
    assert key.startswith(f"{name}_")
    assert (len(name), len(key)) == (31, 75)
    assert tokens.operator_key_name(name) is None
    assert tokens.operator_key_name(key + "a") is None
    assert tokens.operator_key_name(key.upper()) is None
    assert tokens.operator_key_name("") is None


@pytest.mark.parametrize("digits", range(1, 10))
def test_a_challenge_has_exactly_its_digits(digits: int) -> None:
    for _ in range(100):
        assert len(str(tokens.new_challenge(digits))) == digits


def test_every_challenge_is_as_likely_as_the_others() -> None:
    """Each of 90 numbers is expected 200 times; 110 to 290 is more than six deviations either way."""
    seen = Counter(tokens.new_challenge(2) for _ in range(18_000))

    assert seen.keys() == set(range(10, 100))
    assert all(110 < times < 290 for times in seen.values())


@pytest.mark.parametrize("digits", [-1, 0, 10])
def test_a_challenge_of_impossible_length_is_refused(digits: int) -> None:
    with pytest.raises(ValueError, match="digits"):
        tokens.new_challenge(digits)


def test_a_digest_is_the_sha256_of_the_text() -> None:
    assert tokens.digest("Café") == hashlib.sha256("Café".encode()).digest()


def test_every_text_has_a_digest_of_its_own() -> None:
    texts = ["", "\ud800", "\udc00", "\x00", "a", "A", "?", "\ufffd"]
    assert len({tokens.digest(text) for text in texts}) == len(texts)


def test_only_the_text_itself_matches_its_digest() -> None:
    name, secret = tokens.new_api_key()

    assert tokens.is_digest_of(tokens.digest(secret), secret)
    assert not tokens.is_digest_of(tokens.digest(secret), name)
    assert not tokens.is_digest_of(b"", secret)


def test_a_project_key_begins_with_its_public_name() -> None:
    key = tokens.new_project_key()
    name = tokens.project_key_name(key)

    assert name == key[:24]
    assert len(key) == 68
    assert key[24] == "_"
    assert tokens.project_key_name(name) is None
    assert tokens.project_key_name(key + "a") is None
    assert tokens.project_key_name(key.upper()) is None
    assert tokens.project_key_name(key + "\n") is None
    assert tokens.project_key_name(tokens.new_operator_key()) is None
    assert tokens.project_key_name("") is None


@pytest.mark.parametrize(
    ("new", "prefix"),
    [
        (tokens.new_management_token, "mgmt_"),
        (tokens.new_refresh_token, "rt_"),
        (tokens.new_sign_in_handle, "mfa_tmp_"),
        (tokens.new_link_token, ""),
    ],
)
def test_a_bearer_secret_has_256_bits_after_its_prefix(new: Callable[[], str], prefix: str) -> None:
    made = {new() for _ in range(200)}

    assert len(made) == 200
    for token in made:
        assert token.startswith(prefix)
        assert len(b64url_decode(token.removeprefix(prefix))) == 32


def test_a_login_id_is_random_and_short() -> None:
    made = {tokens.new_login_id() for _ in range(200)}

    assert len(made) == 200
    assert {len(login_id) for login_id in made} == {23}
    assert all(login_id.startswith("lp_") for login_id in made)
