import pytest

from server.base.urls import is_bare_origin, is_redirect_target, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://example.com", "https://example.com"),
        ("https://EXAMPLE.com/", "https://example.com"),
        ("HTTPS://example.com:443/a?b#c", "https://example.com"),
        ("https://example.com:8443/a", "https://example.com:8443"),
        ("https://a-b.c_d.xn--bcher-kva.example", "https://a-b.c_d.xn--bcher-kva.example"),
        ("https://192.0.2.7:444", "https://192.0.2.7:444"),
        ("https://[2001:DB8::1]/x", "https://[2001:db8::1]"),
        ("http://localhost:3000/cb", "http://localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:5173", "http://[::1]:5173"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "*",
        "null",
        "example.com",
        "//example.com",
        "/path",
        "https://",
        "https:///path",
        "https:example.com",
        "http://example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "ftp://example.com",
        "javascript:alert(1)",
        "https://user@example.com",
        "https://user:secret@example.com",
        "https://example.com\\@evil.example",
        "https://evil.example\\.example.com",
        "https://exa mple.com",
        "https://example.com/\n",
        "\thttps://example.com",
        "https://bücher.example",
        "https://example.com:99999",
        "https://example.com:http",
        "https://exa%6dple.com",
        "https://*.example.com",
        "https://example.com.",
        "https://-example.com",
        "https://[::1",
        "https://[zz]",
        "https://[fe80::1%25eth0]",
        "https://example.com/" + "x" * 2048,
    ],
)
def test_what_no_browser_may_be_sent_to_has_no_origin(url: str) -> None:
    assert origin_of(url) is None
    assert not is_redirect_target(url)


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com/", "http://localhost:3000"])
def test_an_origin_says_nothing_else(url: str) -> None:
    assert is_bare_origin(url)


@pytest.mark.parametrize(
    "url", ["https://example.com/a", "https://example.com?", "https://example.com/?a", "https://example.com#"]
)
def test_whatever_says_more_is_no_bare_origin(url: str) -> None:
    assert not is_bare_origin(url)


def test_a_browser_is_not_sent_to_an_address_that_has_a_fragment_already() -> None:
    assert is_redirect_target("https://example.com/a?b=c")
    assert not is_redirect_target("https://example.com/a#b")
    assert not is_redirect_target("https://example.com/a#")
