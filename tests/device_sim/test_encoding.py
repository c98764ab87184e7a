import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.encoding import InvalidEncoding, b64_decode, b64_encode, b64url_decode, b64url_encode


@given(st.binary(max_size=80))
def test_what_is_encoded_decodes_to_itself(data: bytes) -> None:
    assert b64url_decode(b64url_encode(data)) == data
    assert b64_decode(b64_encode(data)) == data


@given(st.text(max_size=12))
def test_a_text_that_decodes_is_the_only_text_of_its_bytes(text: str) -> None:
    for decode, encode in ((b64url_decode, b64url_encode), (b64_decode, b64_encode)):
        try:
            data = decode(text)
        except InvalidEncoding:
            continue
        assert encode(data) == text


@pytest.mark.parametrize("text", ["AA==", "A", "AB", "+/8", "AA A", "AAA\n", "é"])
def test_url_safe_base64_is_strict(text: str) -> None:
    with pytest.raises(InvalidEncoding):
        b64url_decode(text)


@pytest.mark.parametrize("text", ["AA", "AB==", "-_8=", "AA==AA==", "AAA=\n", " AAA", "é"])
def test_standard_base64_is_strict(text: str) -> None:
    with pytest.raises(InvalidEncoding):
        b64_decode(text)
