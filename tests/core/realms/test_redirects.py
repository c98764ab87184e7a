from dataclasses import replace
from uuid import UUID

import pytest

from server.base.errors import RedirectNotAllowed
from server.core.realms.model import Realm, RealmKind
from server.core.realms.policy import SignInPolicy
from server.core.realms.redirects import allowed_redirect

REALM = Realm(
    id=UUID(int=1),
    kind=RealmKind.CUSTOMER,
    surface="protekt_auth",
    name=None,
    organization_id=1,
    project_id=UUID(int=2),
    environment_id=UUID(int=3),
    app_name="Example",
    login_id="lp_example",
    redirect_url="https://app.example.com/dashboard?from=login",
    allowed_origins=("https://other.example.com:8443", "http://localhost:3000"),
    push_integration_id=None,
    policy=SignInPolicy(),
)


def test_who_names_no_place_goes_to_the_realms_own() -> None:
    assert allowed_redirect(REALM, None) == REALM.redirect_url


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com/anything?x=1",
        "https://APP.example.com:443/",
        "https://other.example.com:8443",
        "http://localhost:3000/callback",
    ],
)
def test_a_place_at_one_of_the_realms_origins_is_allowed(url: str) -> None:
    assert allowed_redirect(REALM, url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/dashboard",
        "//app.example.com/",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "https://other.example.com/",
        "https://app.example.com.evil.test/",
        "https://evil.test/?https://app.example.com",
        "https://app.example.com@evil.test/",
        "https://evil.test\\@app.example.com/",
        "https://app.example.com\\.evil.test/",
        "https://app.example.com/#token",
        "https://app.example.com/\r\nSet-Cookie: x=1",
        "javascript:alert(1)//https://app.example.com",
        "https://\uff41pp.example.com/",
        "https://app.example.com:99999/",
        "https://[::1/",
    ],
)
def test_every_other_place_is_refused(url: str) -> None:
    with pytest.raises(RedirectNotAllowed):
        allowed_redirect(REALM, url)


@pytest.mark.parametrize("url", [None, "https://app.example.com/"])
def test_a_realm_that_sends_people_nowhere_allows_no_place(url: str | None) -> None:
    with pytest.raises(RedirectNotAllowed):
        allowed_redirect(replace(REALM, redirect_url=None, allowed_origins=()), url)
