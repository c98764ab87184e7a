"""What the pages do. Looking uses nothing up; pressing the button does."""

from collections.abc import Mapping

import httpx2
import pytest

from server.base.principal import Actor, Principal
from server.core.memberships.actions import ListMembers, list_members
from server.core.memberships.invitations import InviteMember, invite_member
from server.core.memberships.model import InvitedRole, Role
from server.surfaces.links.words import ENGLISH, GERMAN
from tests.support.accounts import APP, PASSWORD, a_customer, an_email, an_owner
from tests.support.backend import Backend, error_of
from tests.support.outbox import latest_message
from tests.support.product import Product

NEW = "a quite different sentence"
KINDS = ("verify-email", "magic", "reset-password")


async def a_token(app: Backend, kind: str) -> str:
    """The token of a link of this kind, sent to somebody new."""
    jane = await app.somebody(send_verification=kind == "verify-email")
    if kind == "magic":
        await app.post("magic-link/send", email=jane.email)
    elif kind == "reset-password":
        await app.post("password/reset", email=jane.email)
    return (await app.letter(jane.email)).link_token


async def pressed(
    product: Product, kind: str, token: str, *, lang: str = "en", **form: str
) -> httpx2.Response:
    """The button of a page."""
    return await product.http.post(
        f"/links/{kind}", data={"token": token, **form}, headers={"Accept-Language": lang}
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_looking_uses_nothing_up(app: Backend, product: Product, kind: str) -> None:
    token = await a_token(app, kind)

    looks = [await product.http.get(f"/links/{kind}?token={token}") for _ in range(3)]
    head = await product.http.head(f"/links/{kind}?token={token}")

    assert [look.status_code for look in (*looks, head)] == [200] * 4
    assert (await pressed(product, kind, token, password=NEW)).status_code in {200, 303}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_link_or_one_for_another_page_is_refused(
    app: Backend, product: Product, kind: str
) -> None:
    other = await a_token(app, KINDS[KINDS.index(kind) - 1])

    for token in (other, "x", "x" * 257, ""):
        looked = await product.http.get(f"/links/{kind}", params={"token": token})
        refused = await pressed(product, kind, token, password=NEW)
        assert {looked.status_code, refused.status_code} <= {400, 404}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_expired_link_says_so(app: Backend, product: Product, kind: str) -> None:
    token = await a_token(app, kind)
    product.move_clock(days=2)

    looked = await product.http.get(f"/links/{kind}?token={token}")
    refused = await pressed(product, kind, token, password=NEW)

    assert (looked.status_code, refused.status_code) == (410, 410)
    assert ENGLISH.refused["link_expired"][0] in looked.text
    assert looked.text == refused.text


@pytest.mark.parametrize("kind", ["verify-email", "reset-password"])
async def test_a_used_link_says_so(app: Backend, product: Product, kind: str) -> None:
    token = await a_token(app, kind)
    await pressed(product, kind, token, password=NEW)

    looked = await product.http.get(f"/links/{kind}?token={token}")
    again = await pressed(product, kind, token, password=NEW)

    assert (looked.status_code, again.status_code) == (410, 410)
    assert ENGLISH.refused["link_used"][0] in again.text


async def test_a_magic_link_may_only_lead_on_to_the_application(app: Backend, product: Product) -> None:
    token = await a_token(app, "magic")

    page = await product.http.get(f"/links/magic?token={token}")

    assert f"form-action 'self' {APP};" in page.headers["Content-Security-Policy"]
    leads_on = await pressed(product, "magic", token)
    assert leads_on.headers["Location"] == f"{APP}/signed-in?token={token}"


async def test_a_new_password_is_chosen_on_the_page(app: Backend, product: Product) -> None:
    jane = await app.somebody()
    await app.post("password/reset", email=jane.email)
    token = (await app.letter(jane.email)).link_token

    done = await pressed(product, "reset-password", token, password=NEW)

    assert done.status_code == 200
    assert ENGLISH.reset_done_title in done.text
    assert f'href="{APP}/signed-in"' in done.text
    assert NEW not in done.text
    assert (await app.log_in(jane, NEW)).status_code == 200
    assert error_of(await app.log_in(jane)) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("short", "must have at least # characters"),
        ("x" * 257, "must have at most # characters"),
        ("password123", "is one of the most common passwords"),
        ("{email}", "is too close to your email address or the application's name"),
    ],
)
@pytest.mark.parametrize("words", [ENGLISH, GERMAN], ids=lambda words: words.lang)
async def test_a_password_that_is_not_good_enough_is_asked_for_again(
    app: Backend, product: Product, password: str, fault: str, words: object
) -> None:
    told = ENGLISH if words is ENGLISH else GERMAN
    jane = await app.somebody()
    await app.post("password/reset", email=jane.email)
    token = (await app.letter(jane.email)).link_token
    bad = password.format(email=jane.email)

    again = await pressed(product, "reset-password", token, lang=told.lang, password=bad)

    assert again.status_code == 400
    sentence = told.faults[fault]
    assert all(part in again.text.replace("&#x27;", "'") for part in sentence.split("#"))
    assert 'role="alert"' in again.text
    assert bad not in again.text or bad == jane.email
    assert (await pressed(product, "reset-password", token, password=NEW)).status_code == 200


async def test_a_form_without_a_password_or_a_form_is_refused(app: Backend, product: Product) -> None:
    token = await a_token(app, "reset-password")

    missing = await pressed(product, "reset-password", token)
    no_form = await product.http.post("/links/reset-password", json={"token": token, "password": NEW})
    twice = await product.http.post(
        "/links/reset-password",
        content=f"token={token}&password={NEW}&password=other",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert (missing.status_code, no_form.status_code, twice.status_code) == (400, 415, 400)


# --- invitations -----------------------------------------------------------------------------------------


async def an_invitation(product: Product, email: str, role: InvitedRole = Role.DEVELOPER) -> tuple[int, str]:
    """The organization that invites, and the link's token."""
    organization = await product.made(a_customer)
    actor = Principal(Actor.SYSTEM, id="tests", surface="tests")
    await product.made(invite_member, actor=actor, command=InviteMember(organization.id, email, role))
    return organization.id, (await latest_message(product.core, email)).link_token


async def members(product: Product, organization_id: int) -> Mapping[str, str]:
    """The role of each member by address."""
    found = await product.made(list_members, command=ListMembers(organization_id))
    return {member.email: member.role for member in found}


async def test_an_invited_stranger_chooses_a_password_and_is_a_member(product: Product) -> None:
    email = an_email()
    organization_id, token = await an_invitation(product, email)

    page = await product.http.get(f"/links/invitation?token={token}")
    assert await members(product, organization_id) == {}
    short = await pressed(product, "invitation", token, password="short")
    done = await pressed(product, "invitation", token, password=PASSWORD)
    again = await pressed(product, "invitation", token, password=PASSWORD)

    assert (page.status_code, short.status_code, done.status_code, again.status_code) == (200, 400, 200, 400)
    assert 'autocomplete="new-password"' in page.text
    assert email in page.text
    assert 'role="alert"' in short.text
    assert await members(product, organization_id) == {email: "developer"}
    token_answer = await product.http.post("/v1/token", json={"email": email, "password": PASSWORD})
    assert token_answer.status_code == 200


async def test_somebody_with_an_account_accepts_with_its_password(product: Product) -> None:
    email = an_email()
    await product.made(an_owner, email=email)
    organization_id, token = await an_invitation(product, email, Role.ADMIN)

    page = await product.http.get(f"/links/invitation?token={token}")
    wrong = await pressed(product, "invitation", token, lang="de", password="not the password")
    done = await pressed(product, "invitation", token, password=PASSWORD)

    assert 'autocomplete="current-password"' in page.text
    assert wrong.status_code == 400
    assert GERMAN.wrong_password in wrong.text
    assert done.status_code == 200
    assert await members(product, organization_id) == {email: "admin"}


async def test_an_invitation_ends_after_a_week(product: Product) -> None:
    email = an_email()
    organization_id, token = await an_invitation(product, email)
    product.move_clock(days=7)

    looked = await product.http.get(f"/links/invitation?token={token}")
    refused = await pressed(product, "invitation", token, password=PASSWORD)

    assert (looked.status_code, refused.status_code) == (400, 400)
    assert ENGLISH.refused["invitation_invalid"][0] in refused.text
    assert await members(product, organization_id) == {}
