import pytest

from server.core.api_keys.model import Scope
from tests.support.accounts import PASSWORD, an_email
from tests.support.backend import Backend, error_of, signed_in
from tests.support.phone import Given
from tests.support.product import Product


async def test_p42_users_are_paged_newest_first(app: Backend, other: Backend) -> None:
    made = [(await app.somebody()).id for _ in range(5)]
    await other.somebody()

    pages: list[list[str]] = []
    cursor = None
    while not pages or cursor:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await app.get("users", query=query)).json()
        assert page["has_more"] is (page["next_cursor"] is not None)
        pages.append([user["id"] for user in page["data"]])
        cursor = page["next_cursor"]

    assert pages == [made[4:2:-1], made[2:0:-1], made[:1]]


async def test_p42_search_finds_parts_of_the_address(app: Backend, other: Backend) -> None:
    wanted = await app.somebody(email=an_email("needle"))
    await app.somebody()
    await other.somebody(email=an_email("needle"))

    for search in ("needle", "NEEDLE", wanted.email[3:9]):
        found = (await app.get("users", query={"search": search})).json()
        assert [user["id"] for user in found["data"]] == [wanted.id]
    for search in ("%", "_eedle", "\\", "nobody"):
        assert (await app.get("users", query={"search": search})).json()["data"] == []


async def test_p42_a_cursor_is_for_its_own_list(app: Backend, other: Backend) -> None:
    for backend in (app, app, other, other):
        await backend.somebody()
    cursor = (await app.get("users", query={"limit": "1"})).json()["next_cursor"]

    for refused in (
        await other.get("users", query={"cursor": cursor}),
        await app.get("users", query={"cursor": "cur_abc123"}),
        await app.get("users", query={"limit": "101"}),
        await app.get("users", query={"limit": "0"}),
    ):
        assert error_of(refused) == (400, "invalid_fields")


async def test_p42_p13_scopes_are_held(app: Backend, product: Product) -> None:
    jane = await app.somebody()
    reader = await Backend.of(product, app.project, scopes=(Scope.USERS_READ,))
    signer = await Backend.of(product, app.project, scopes=(Scope.AUTH_READ,))

    assert (await reader.get("users")).status_code == 200
    assert error_of(await reader.call("DELETE", f"users/{jane.id}")) == (403, "insufficient_scope")
    assert error_of(await signer.get("users")) == (403, "insufficient_scope")
    assert error_of(await signer.post("signup", email=an_email(), password=PASSWORD)) == (
        403,
        "insufficient_scope",
    )
    assert (await signer.call("POST", "token/verify", {"token": jane.access_token})).status_code == 200
    assert error_of(await signer.post("logout", bearer=jane.access_token)) == (403, "insufficient_scope")


async def test_p43_a_profile_is_whole(app: Backend) -> None:
    jane = await app.somebody(metadata={"plan": "pro"})
    await app.with_totp(jane)
    await app.log_in(jane)

    profile = await app.profile(jane)

    assert profile["mfa_methods"] == ["totp"]
    assert (profile["id"], profile["email"], profile["metadata"]) == (jane.id, jane.email, {"plan": "pro"})
    assert (profile["mfa_enabled"], profile["email_verified"], profile["disabled"]) == (True, False, False)


async def test_p43_foreign_and_unknown_ids_are_not_found_alike(app: Backend, other: Backend) -> None:
    elsewhere = await other.somebody()
    session_id = (await app.somebody()).claims["sid"]
    foreign = (elsewhere.id, f"usr_{'0' * 26}", "usr_1", elsewhere.id.upper(), session_id, "x")

    for method, body in (("GET", None), ("PATCH", {"disabled": True}), ("DELETE", None)):
        answers = [await app.call(method, f"users/{user_id}", body) for user_id in foreign]
        assert [error_of(answer) for answer in answers] == [(404, "user_not_found")] * len(foreign)
        assert len({answer.content for answer in answers}) == 1
    assert await other.is_alive(elsewhere)


async def test_p44_metadata_merges_key_by_key(app: Backend) -> None:
    jane = await app.somebody(metadata={"plan": "pro", "seats": 3, "old": True})

    answer = await app.call(
        "PATCH", f"users/{jane.id}", {"metadata": {"seats": 4, "new": [1, {"a": None}], "old": None}}
    )

    assert answer.json()["metadata"] == {"plan": "pro", "seats": 4, "new": [1, {"a": None}]}
    assert (await app.profile(jane))["metadata"] == answer.json()["metadata"]


async def test_p44_a_new_address_is_verified_anew(app: Backend, product: Product) -> None:
    jane = await app.somebody(send_verification=True)
    first = (await app.letter(jane.email)).link_token
    await product.http.post("/links/verify-email", data={"token": first})
    assert (await app.profile(jane))["email_verified"] is True
    new = an_email()

    answer = await app.call("PATCH", f"users/{jane.id}", {"email": new})

    assert (answer.json()["email"], answer.json()["email_verified"]) == (new, False)
    assert [letter.template for letter in await app.letters(new)] == ["verify_email"]
    assert (await app.letter(jane.email)).template == "email_changed"
    assert (await app.log_in(new)).status_code == 200
    await product.http.post("/links/verify-email", data={"token": (await app.letter(new)).link_token})
    assert (await app.profile(jane))["email_verified"] is True


async def test_p44_a_taken_address_is_a_conflict(app: Backend) -> None:
    jane, john = await app.somebody(), await app.somebody()

    refused = await app.call("PATCH", f"users/{jane.id}", {"email": john.email.upper()})

    assert error_of(refused) == (409, "email_taken")


async def test_p44_a_user_changes_themselves_and_nobody_else(app: Backend) -> None:
    jane, john = await app.somebody(), await app.somebody()

    own = await app.call(
        "PATCH", f"users/{jane.id}", {"metadata": {"theme": "dark"}}, token=jane.access_token, with_key=False
    )
    foreign = await app.call("PATCH", f"users/{john.id}", {"metadata": {}}, token=jane.access_token)

    assert (own.status_code, own.json()["metadata"]) == (200, {"theme": "dark"})
    assert error_of(foreign) == (404, "user_not_found")


async def test_p44_disabling_is_the_backends_and_ends_the_sessions(app: Backend) -> None:
    jane = await app.somebody()

    by_themselves = await app.call("PATCH", f"users/{jane.id}", {"disabled": True}, token=jane.access_token)
    assert error_of(by_themselves) == (403, "permission_denied")
    assert await app.is_alive(jane)

    disabled = await app.call("PATCH", f"users/{jane.id}", {"disabled": True})
    assert disabled.json()["disabled"] is True
    assert not await app.is_alive(jane)
    assert (await app.post("token/refresh", refresh_token=jane.refresh_token)).status_code == 401
    assert error_of(await app.log_in(jane)) == (401, "account_disabled")

    enabled = await app.call("PATCH", f"users/{jane.id}", {"disabled": False})
    assert enabled.json()["disabled"] is False
    assert not await app.is_alive(jane)
    assert (await app.log_in(jane)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"email": None}, {"email": "x"}, {"metadata": None}, {"disabled": "true"}, {"disabled": None}, []],
)
async def test_p44_a_change_says_something_that_is_documented(app: Backend, body: Given) -> None:
    jane = await app.somebody()

    refused = await app.call("PATCH", f"users/{jane.id}", body)

    assert refused.status_code == 400


async def test_p45_a_deleted_user_is_gone(app: Backend) -> None:
    jane = await app.somebody()

    answer = await app.call("DELETE", f"users/{jane.id}")

    assert (answer.status_code, answer.json()) == (200, {"deleted": True, "id": jane.id})
    assert error_of(await app.get(f"users/{jane.id}")) == (404, "user_not_found")
    assert error_of(await app.call("DELETE", f"users/{jane.id}")) == (404, "user_not_found")
    assert error_of(await app.log_in(jane)) == (401, "invalid_credentials")
    assert not await app.is_alive(jane)
    assert (await app.call("POST", "token/verify", {"token": jane.access_token})).status_code == 401
    assert (await app.post("token/refresh", refresh_token=jane.refresh_token)).status_code == 401
    assert (await app.get("users", query={"search": jane.email})).json()["data"] == []
    again = await app.post("signup", email=jane.email, password=PASSWORD)
    assert signed_in(again, jane.email).id != jane.id


async def test_p44_a_session_older_than_the_second_factor_does_not_change_the_address(app: Backend) -> None:
    """Mail recovers the account: a stolen token must not be able to redirect it."""
    jane = await app.somebody()
    older = await app.again(jane)
    await app.with_totp(jane)

    refused = await app.call("PATCH", f"users/{jane.id}", {"email": an_email()}, token=older.access_token)
    unharmed = await app.call("PATCH", f"users/{jane.id}", {"metadata": {"a": 1}}, token=older.access_token)
    by_the_backend = await app.call("PATCH", f"users/{jane.id}", {"email": an_email()})

    assert error_of(refused) == (403, "mfa_required")
    assert unharmed.json()["email"] == jane.email
    assert by_the_backend.status_code == 200
