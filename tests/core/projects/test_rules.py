import pytest

from server.base.errors import InvalidFields
from server.core.projects.rules import MAX_ORIGINS, check_lifetimes, origins_of, redirect_url_of


def test_origins_are_written_as_browsers_write_them_and_each_once() -> None:
    given = ["https://Example.com/", "https://example.com:443", "http://localhost:3000", "https://a.example"]

    assert origins_of(given) == ("https://example.com", "http://localhost:3000", "https://a.example")


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "", "example.com", "http://example.com", "https://example.com/app", "https://*.a.b"],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        origins_of(["https://example.com", origin])

    assert list(refused.value.fields) == ["allowed_origins"]


def test_there_may_be_no_origin_and_at_most_a_hundred() -> None:
    many = [f"https://a{number}.example" for number in range(MAX_ORIGINS + 1)]

    assert origins_of([]) == ()
    assert origins_of(many[1:]) == tuple(many[1:])
    with pytest.raises(InvalidFields):
        origins_of(many)


def test_a_redirect_url_stays_as_it_was_written() -> None:
    url = "https://Example.com/signed%20in?next=1"

    assert redirect_url_of(url) == url


@pytest.mark.parametrize("url", ["http://example.com/", "https://example.com/#top", "/signed-in", "app://x"])
def test_a_redirect_url_to_where_nobody_may_be_sent_is_refused(url: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        redirect_url_of(url)

    assert list(refused.value.fields) == ["redirect_url"]


@pytest.mark.parametrize(("access", "session"), [(60, 300), (86_400, 31_536_000), (3600, 3600)])
def test_tokens_live_within_the_documented_times(access: int, session: int) -> None:
    check_lifetimes(access, session)


@pytest.mark.parametrize(
    ("access", "session", "field"),
    [
        (59, 300, "token_expiry"),
        (86_401, 31_536_000, "token_expiry"),
        (60, 299, "refresh_token_expiry"),
        (60, 31_536_001, "refresh_token_expiry"),
        (301, 300, "token_expiry"),
        (-1, 300, "token_expiry"),
    ],
)
def test_other_times_are_refused(access: int, session: int, field: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        check_lifetimes(access, session)

    assert list(refused.value.fields) == [field]
