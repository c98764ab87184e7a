import pytest

from server.base.contact import email_address, phone_number


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("jane@example.com", "jane@example.com"),
        (" Jane.Doe+x@Example.COM\r\n", "Jane.Doe+x@Example.COM"),
        ("!#$%&'*+-/=?^_`{|}~@a.b", "!#$%&'*+-/=?^_`{|}~@a.b"),
        ("jose\u0301@exa\u0308mple.com", "jos\u00e9@ex\u00e4mple.com"),
        ("x@xn--exmple-cua.com", "x@xn--exmple-cua.com"),
        ("root@localhost", "root@localhost"),
        (f"{'a' * 64}@b.c", f"{'a' * 64}@b.c"),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    assert email_address(text) == address
    assert email_address(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane",
        "@example.com",
        "jane@",
        "jane@example.com.",
        "jane@.example.com",
        "jane@exa mple.com",
        "jane@example.com>",
        "Jane <jane@example.com>",
        "jane@example.com,joe@example.com",
        "jane@joe@example.com",
        "jane doe@example.com",
        '"jane doe"@example.com',
        "jane\\@example.com",
        ".jane@example.com",
        "jane.@example.com",
        "ja..ne@example.com",
        "jane@-example.com",
        "jane@example-.com",
        "jane@[192.0.2.1]",
        "jane@example.com\nBcc: joe@example.com",
        "ja\0ne@example.com",
        "ja\u202ene@example.com",
        f"{'a' * 65}@b.c",
        f"a@{'.'.join(['b' * 60] * 5)}",
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert email_address(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+2348012345678", "+2348012345678"),
        (" +49 (151) 123-456.78 ", "+4915112345678"),
        ("+1234567", "+1234567"),
        ("+123456789012345", "+123456789012345"),
    ],
)
def test_a_number_has_one_spelling(text: str, number: str) -> None:
    assert phone_number(text) == number
    assert phone_number(number) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "08012345678",
        "+0123456789",
        "+123456",
        "+1234567890123456",
        "++12345678",
        "+12a45678",
        "+١٢٣٤٥٦٧٨",
    ],
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert phone_number(text) is None
