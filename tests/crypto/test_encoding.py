from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.crypto.encoding import InvalidEncoding, b64_decode, b64_encode, b64url_decode, b64url_encode


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_bytes_survive_the_way_there_and_back(data: bytes) -> None:
    assert b64url_decode(b64url_encode(data)) == data
    assert b64_decode(b64_encode(data)) == data


@settings(deadline=None)
@given(st.text(alphabet="AQgwz09+/-_= \n|é", max_size=12))
def test_whatever_is_read_as_base64url_is_the_only_text_for_its_bytes(text: str) -> None:
    try:
        data = b64url_decode(text)
    except InvalidEncoding:
        return
    assert b64url_encode(data) == text


@settings(deadline=None)
@given(st.text(alphabet="AQgwz09+/-_= \n|é", max_size=12))
def test_whatever_is_read_as_base64_is_the_text_for_its_bytes_with_or_without_padding(text: str) -> None:
    try:
        data = b64_decode(text)
    except InvalidEncoding:
        return
    assert text in (b64_encode(data), b64_encode(data).rstrip("="))


def test_the_alphabets_differ_in_two_characters() -> None:
    assert b64url_encode(b"\xfb\xff") == "-_8"
    assert b64_encode(b"\xfb\xff") == "+/8="


@pytest.mark.parametrize(("size", "length"), [(16, 22), (32, 43), (64, 86)])
def test_base64url_has_no_padding(size: int, length: int) -> None:
    assert len(b64url_encode(bytes(size))) == length


def test_base64_may_leave_its_padding_out_as_a_whole() -> None:
    assert b64_decode("AA==") == b64_decode("AA") == b"\x00"
    assert b64_decode("AAA=") == b64_decode("AAA") == b"\x00\x00"


@pytest.mark.parametrize("decode", [b64_decode, b64url_decode])
@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AAAAA",
        "AA=",
        "AAA==",
        "AA===",
        "AAAA=",
        "AAAA====",
        "=",
        "====",
        "=AAA",
        "AA==AAAA",
        "AB==",
        "AB",
        "AAB",
        " AAAA",
        "AAAA ",
        "AAAA\n",
        "AA\r\nAA",
        "AA\x00AA",
        "AA|A",
        "AAA\u00e9",
        "\uff21AAA",
        "\ud800AAA",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_malformed_base64_is_refused(decode: Callable[[str], bytes], text: str) -> None:
    with pytest.raises(InvalidEncoding):
        decode(text)


@pytest.mark.parametrize("text", ["-_8=", "-_8", "AA-A", "_AAA"])
def test_base64_refuses_the_url_safe_alphabet(text: str) -> None:
    with pytest.raises(InvalidEncoding):
        b64_decode(text)


@pytest.mark.parametrize("text", ["+/8", "AA+A", "/AAA", "AA==", "AAA="])
def test_base64url_refuses_the_standard_alphabet_and_padding(text: str) -> None:
    with pytest.raises(InvalidEncoding):
        b64url_decode(text)


@pytest.mark.parametrize("decode", [b64_decode, b64url_decode])
def test_a_refusal_does_not_repeat_the_text(decode: Callable[[str], bytes]) -> None:
    with pytest.raises(InvalidEncoding) as refusal:
        decode("secret!secret")
    assert "secret" not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
