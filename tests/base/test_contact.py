import pytest

from server.base.contact import ascii_domain, email_address, email_key, phone_number


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("jane@example.com", "jane@example.com"),
        (" Jane.Doe+x@Example.COM\r\n", "Jane.Doe+x@Example.COM"),
        ("!#$%&'*+-/=?^_`{|}~@a.b", "!#$%&'*+-/=?^_`{|}~@a.b"),
        ("jose\u0301@exa\u0308mple.com", "jos\u00e9@ex\u00e4mple.com"),
        ("x@xn--exmple-cua.com", "x@xn--exmple-cua.com"),
        ("jane@stra\u00dfe.example", "jane@stra\u00dfe.example"),
        ("jane@\u212aube.example", "jane@Kube.example"),
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
        "jane@g\u0130thub.com",
        "jane@\uff47ithub.com",
        "jane@\u017ftar.example",
        "jane@EX\u00c4MPLE.com",
        "jane@example\u3002com",
        "jane@a\u200db.example",
        "jane@" + "\u00e4" * 60 + ".example",
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
    ("one", "other"),
    [
        ("Jane@Example.COM", "jane@example.com"),
        (" jane@example.com ", "jane@example.com"),
        ("jose\u0301@example.com", "JOS\u00e9@example.com"),
        ("jane@ex\u00e4mple.com", "jane@XN--exmple-cua.com"),
        ("jane@eXa\u0308mple.com", "jane@ex\u00e4mple.COM"),
        ("\u212aate@example.com", "kate@example.com"),
    ],
)
def test_an_address_has_one_key_however_it_is_written(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)
    assert email_key(email_key(one)) == email_key(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("v\u0130ctim@example.com", "victim@example.com"),
        ("v\u0131ctim@example.com", "VICTIM@example.com"),
        ("\u017fue@example.com", "sue@example.com"),
        ("stra\u00dfe@example.com", "strasse@example.com"),
        ("\u00c9va@example.com", "\u00e9va@example.com"),
        ("\uff4aane@example.com", "jane@example.com"),
        ("\u0430nn@example.com", "ann@example.com"),
        ("jane@g\u0130thub.com", "jane@github.com"),
        ("jane@gi\u0307thub.com", "jane@github.com"),
        ("jane@stra\u00dfe.example", "jane@strasse.example"),
        ("jane@\uff47ithub.com", "jane@github.com"),
        ("jane@example.com", "jane@example.co"),
        ("jane", "jane@example.com"),
        ("", "jane@example.com"),
    ],
)
def test_addresses_that_only_look_alike_have_two_keys(one: str, other: str) -> None:
    assert email_key(one) != email_key(other)


def test_no_letter_but_a_to_z_is_the_same_as_another() -> None:
    letters = [chr(code) for code in range(0x80, 0x30000) if email_address(f"{chr(code)}@example.com")]

    keys = {email_key(f"{letter}@example.com") for letter in letters}

    assert len(keys) == len({email_address(f"{letter}@example.com") for letter in letters})


def test_a_domain_is_as_the_name_system_has_it() -> None:
    assert ascii_domain("Example.COM") == "example.com"
    assert ascii_domain("\u4f8b\u3048.\u30c6\u30b9\u30c8") == "xn--r8jz45g.xn--zckzah"
    assert ascii_domain("fa\u00df.example") == "xn--fa-hia.example"
    assert ascii_domain("") is None
    assert ascii_domain("example..com") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+2348012345678", "+2348012345678"),
        (" +49 (151) 123-456.78 ", "+4915112345678"),
        ("+1 (555) 123-4567", "+15551234567"),
        ("+39 (06) 1234567", "+39061234567"),
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
        "+44 (0)7911 123456",
        "+44(0) 7911 123456",
        "+44 (7911 123456",
        "+44 ((7911)) 123456",
        "(+44) 7911 123456",
        "+44 () 7911 123456",
        "+12a45678",
        "+١٢٣٤٥٦٧٨",
    ],
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert phone_number(text) is None
