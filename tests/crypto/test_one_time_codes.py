import base64
import hashlib
import hmac
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.crypto.one_time_codes import (
    base32,
    new_code,
    new_recovery_codes,
    new_totp_secret,
    normalized_recovery_code,
    totp_step_of,
    totp_uri,
)

RFC_SECRET = b"12345678901234567890"
NOW = datetime(2026, 3, 1, 12, 0, 15, tzinfo=UTC)
CURRENT = int(NOW.timestamp()) // 30

# RFC 6238, appendix B, the rows of SHA-1, of whose 8 digits the last 6 are the code of 6.
RFC_6238 = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
# RFC 4226, appendix D: counters 0 to 9.
RFC_4226 = [
    "755224",
    "287082",
    "359152",
    "969429",
    "338314",
    "254676",
    "287922",
    "162583",
    "399871",
    "520489",
]


def code_of(step: int, secret: bytes = RFC_SECRET) -> str:
    """The code of one step, computed by the letter of RFC 4226, section 5.3."""
    digest = hmac.digest(secret, step.to_bytes(8), hashlib.sha1)
    offset = digest[-1] & 0xF
    return f"{(int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF) % 10**6:06d}"


@pytest.mark.parametrize(("seconds", "code"), RFC_6238)
def test_the_codes_of_rfc_6238_match_their_instants(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)

    assert totp_step_of(RFC_SECRET, code, at, drift=0) == seconds // 30


@pytest.mark.parametrize(("counter", "code"), tuple(enumerate(RFC_4226)))
def test_the_codes_of_rfc_4226_match_their_counters(counter: int, code: str) -> None:
    at = datetime.fromtimestamp(counter * 30, UTC)

    assert totp_step_of(RFC_SECRET, code, at, drift=0) == counter
    assert code_of(counter) == code


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_ahead_or_behind(steps: int, accepted: bool) -> None:  # noqa: FBT001 - a table
    step = totp_step_of(RFC_SECRET, code_of(CURRENT + steps), NOW)

    assert step == (CURRENT + steps if accepted else None)


def test_a_step_ends_when_the_next_begins() -> None:
    start = datetime.fromtimestamp(CURRENT * 30, UTC)

    assert totp_step_of(RFC_SECRET, code_of(CURRENT), start, drift=0) == CURRENT
    last = start + timedelta(seconds=29, microseconds=999_999)
    assert totp_step_of(RFC_SECRET, code_of(CURRENT), last, drift=0) == CURRENT
    assert totp_step_of(RFC_SECRET, code_of(CURRENT), start + timedelta(seconds=30), drift=0) is None
    assert totp_step_of(RFC_SECRET, code_of(CURRENT), start - timedelta(microseconds=1), drift=0) is None


def test_a_step_counts_once_and_no_earlier_one_after_it() -> None:
    codes = {steps: code_of(CURRENT + steps) for steps in (-1, 0, 1)}

    assert totp_step_of(RFC_SECRET, codes[0], NOW, after=CURRENT) is None
    assert totp_step_of(RFC_SECRET, codes[-1], NOW, after=CURRENT) is None
    assert totp_step_of(RFC_SECRET, codes[1], NOW, after=CURRENT) == CURRENT + 1
    assert totp_step_of(RFC_SECRET, codes[-1], NOW, after=CURRENT - 2) == CURRENT - 1


def test_the_first_half_minute_of_1970_has_no_step_before_it() -> None:
    assert totp_step_of(RFC_SECRET, code_of(0), datetime.fromtimestamp(0, UTC)) == 0


@pytest.mark.parametrize(
    "code",
    [
        "",
        code_of(CURRENT)[:5],
        code_of(CURRENT) + "0",
        code_of(CURRENT) + "\n",
        " " + code_of(CURRENT),
        code_of(CURRENT).translate({ord("0") + digit: 0x0660 + digit for digit in range(10)}),
        code_of(CURRENT).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
        "+12345",
        "\ud80000000",
    ],
)
def test_only_six_ascii_digits_can_be_a_code(code: str) -> None:
    assert totp_step_of(RFC_SECRET, code, NOW) is None


@settings(deadline=None)
@given(st.binary(min_size=20, max_size=20), st.binary(min_size=20, max_size=20))
def test_a_code_is_that_of_its_secret(secret: bytes, other: bytes) -> None:
    code = code_of(CURRENT, secret)

    assert totp_step_of(secret, code, NOW, drift=0) == CURRENT
    if code_of(CURRENT, other) != code:
        assert totp_step_of(other, code, NOW, drift=0) is None


def test_a_secret_is_20_random_bytes_and_32_characters_to_type() -> None:
    made = {new_totp_secret() for _ in range(200)}

    assert len(made) == 200
    assert {len(secret) for secret in made} == {20}
    for secret in made:
        assert re.fullmatch("[A-Z2-7]{32}", base32(secret))
        assert base64.b32decode(base32(secret)) == secret


def test_the_uri_of_a_secret_is_what_apps_read() -> None:
    uri = urlsplit(totp_uri(RFC_SECRET, "Shop & Söhne: 1", "alice+test@example.com"))

    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/Shop & Söhne: 1:alice+test@example.com"
    assert uri.path.count(":") == 1
    assert "+" not in uri.query
    assert parse_qs(uri.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Shop & Söhne: 1"],
    }


@pytest.mark.parametrize("digits", [1, 4, 6, 8, 12])
def test_a_code_has_exactly_its_digits(digits: int) -> None:
    for _ in range(100):
        assert re.fullmatch(f"[0-9]{{{digits}}}", new_code(digits))


def test_codes_may_begin_with_a_zero_and_are_as_likely_as_the_others() -> None:
    """Each of 100 codes is expected 200 times; 110 to 290 is more than six deviations either way."""
    seen = Counter(new_code(2) for _ in range(20_000))

    assert seen.keys() == {f"{number:02d}" for number in range(100)}
    assert all(110 < times < 290 for times in seen.values())


@pytest.mark.parametrize("digits", [-1, 0, 13])
def test_a_code_of_impossible_length_is_refused(digits: int) -> None:
    with pytest.raises(ValueError, match="digits"):
        new_code(digits)


def test_recovery_codes_are_ten_and_each_has_80_bits() -> None:
    codes = new_recovery_codes()

    assert len(set(codes)) == 10
    for code in codes:
        assert re.fullmatch("[0-9a-hj-km-np-tv-z]{4}(-[0-9a-hj-km-np-tv-z]{4}){3}", code)


def test_every_character_of_a_recovery_code_is_as_likely_as_the_others() -> None:
    """Each of 32 is expected 500 times; 360 to 640 is more than six deviations either way."""
    seen = Counter("".join(new_recovery_codes(1000)).replace("-", ""))

    assert len(seen) == 32
    assert all(360 < times < 640 for times in seen.values())


@pytest.mark.parametrize(
    "typed",
    [
        "0123-abcd-1jkm-01vz",
        "0123abcd1jkm01vz",
        "  0123 ABCD 1JKM 01VZ\n",
        "O123-ABCD-LJKM-OIVZ",
        "o123\u2013abcd\u2014ijkm\u201101vz",
        "0123\u00a0abcd\u2009ljkm\u2212oivz",
    ],
)
def test_a_recovery_code_is_the_same_however_it_is_typed(typed: str) -> None:
    assert normalized_recovery_code(typed) == "0123abcd1jkm01vz"


def test_new_recovery_codes_differ_in_their_normal_form_too() -> None:
    codes = new_recovery_codes(200)

    assert {normalized_recovery_code(code) for code in codes} == {code.replace("-", "") for code in codes}


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_a_normal_form_that_is_its_own(text: str) -> None:
    assert normalized_recovery_code(normalized_recovery_code(text)) == normalized_recovery_code(text)
