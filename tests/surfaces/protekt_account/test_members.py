from typing import Any

import pytest

from server.base.secret import Secret
from server.core.memberships.invitations import AcceptInvitation, accept_invitation
from tests.support.accounts import PASSWORD, Account, an_email, an_owner
from tests.support.outbox import latest_message, messages_to
from tests.support.product import Product
from tests.support.work import OPERATOR


async def test_p14_members_are_listed_with_role_and_since_when(product: Product, account: Account) -> None:
    admin, developer = [await _joined(product, account, role) for role in ("admin", "developer")]

    for http in (account.http, admin.http, developer.http):
        answer = await http.get("/v1/members")
        assert answer.status_code == 200
        members = answer.json()["data"]
        assert [member["email"] for member in members] == [account.email, admin.email, developer.email]
        assert [member["role"] for member in members] == ["owner", "admin", "developer"]
        assert all(member["id"].startswith("mem_") and member["joined_at"] for member in members)


async def test_p15_an_invitation_is_one_mail(product: Product, account: Account) -> None:
    email = an_email("invited")

    answer = await account.http.post("/v1/members/invite", json={"email": email, "role": "developer"})

    assert (answer.status_code, answer.json()) == (200, {"message": f"Invitation sent to {email}"})
    (letter,) = await messages_to(product.core, email)
    assert letter.template == "invitation"
    assert account.organization.name in letter.text


async def test_p15_an_address_that_is_invited_or_a_member_is_a_conflict(
    product: Product, account: Account
) -> None:
    email = an_email("invited")
    await account.http.post("/v1/members/invite", json={"email": email, "role": "admin"})

    for known in (email, email.upper(), account.email):
        answer = await account.http.post("/v1/members/invite", json={"email": known, "role": "developer"})
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "member_exists"
    assert len(await messages_to(product.core, email)) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"role": "owner"}, "role"),
        ({"role": "boss"}, "role"),
        ({"role": None}, "role"),
        ({"email": "nobody"}, "email"),
        ({"email": None}, "email"),
    ],
)
async def test_p15_owners_are_not_invited_and_an_address_is_needed(
    account: Account, wrong: dict[str, Any], field: str
) -> None:
    body = {"email": an_email("invited"), "role": "developer"} | wrong

    answer = await account.http.post("/v1/members/invite", json=body)

    assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, [field])


async def test_p16_a_removed_member_s_tokens_are_refused_at_once(product: Product, account: Account) -> None:
    developer = await _joined(product, account, "developer")
    again = await product.signed_in(account.organization, developer.email)

    answer = await account.http.delete(f"/v1/members/{await _id_of(account, developer.email)}")

    assert (answer.status_code, answer.json()) == (200, {"removed": True})
    for http in (developer.http, again.http):
        assert (await http.get("/v1/projects")).status_code == 401
    assert [member["email"] for member in (await account.http.get("/v1/members")).json()["data"]] == [
        account.email
    ]
    credentials = {"email": developer.email, "password": PASSWORD}
    no_more = await product.http.post("/v1/token", json=credentials)
    assert (no_more.status_code, no_more.json()["error"]["code"]) == (401, "invalid_credentials")


async def test_p16_the_last_owner_stays(product: Product, account: Account) -> None:
    own_id = await _id_of(account, account.email)

    refused = await account.http.delete(f"/v1/members/{own_id}")

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "last_owner")
    assert (await account.http.get("/v1/members")).status_code == 200
    await product.made(an_owner, organization=account.organization)
    assert (await account.http.delete(f"/v1/members/{own_id}")).status_code == 200
    assert (await account.http.get("/v1/members")).status_code == 401


async def test_p16_an_unknown_member_and_another_organization_s_are_answered_alike(
    product: Product, account: Account
) -> None:
    stranger = await product.account()
    own_id = await _id_of(account, account.email)

    for member_id in (own_id, f"mem_{'0' * 26}", "mem_001", own_id.replace("mem_", "usr_")):
        answer = await stranger.http.delete(f"/v1/members/{member_id}")
        assert answer.status_code == 404
        assert answer.content == b'{"error":{"code":"member_not_found","message":"No such member"}}'


async def test_an_admin_invites_and_removes_but_no_owner(product: Product, account: Account) -> None:
    admin = await _joined(product, account, "admin")
    developer = await _joined(product, account, "developer")

    invited = await admin.http.post("/v1/members/invite", json={"email": an_email(), "role": "admin"})
    removed = await admin.http.delete(f"/v1/members/{await _id_of(account, developer.email)}")
    refused = await admin.http.delete(f"/v1/members/{await _id_of(account, account.email)}")

    assert [invited.status_code, removed.status_code, refused.status_code] == [200, 200, 403]
    assert refused.json()["error"]["code"] == "permission_denied"


async def test_a_developer_makes_projects_and_keys_and_manages_nobody(
    product: Product, account: Account
) -> None:
    http = (await _joined(product, account, "developer")).http
    project = await http.post(
        "/v1/projects",
        json={"name": "App", "allowed_origins": [], "redirect_url": "https://app.example/"},
    )
    path = f"/v1/projects/{project.json()['id']}"
    key = await http.post("/v1/api-keys", json={"project_id": project.json()["id"], "label": "Key"})

    allowed = (
        project,
        key,
        await http.patch(path, json={"name": "Another"}),
        await http.delete(f"/v1/api-keys/{key.json()['id']}"),
        await http.get("/v1/usage"),
    )
    refused = (
        await http.delete(path),
        await http.post("/v1/members/invite", json={"email": an_email(), "role": "developer"}),
        await http.delete(f"/v1/members/{await _id_of(account, account.email)}"),
    )

    assert [answer.status_code for answer in allowed] == [201, 201, 200, 200, 200]
    for answer in refused:
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")


async def _joined(product: Product, account: Account, role: str) -> Account:
    """Somebody whom the account invited, who accepted and signed in."""
    email = an_email(role)
    answer = await account.http.post("/v1/members/invite", json={"email": email, "role": role})
    assert answer.status_code == 200, answer.text
    letter = await latest_message(product.core, email)
    command = AcceptInvitation(Secret(letter.link_token), Secret(PASSWORD))
    await product.core.perform(accept_invitation, command, actor=OPERATOR)
    return await product.signed_in(account.organization, email)


async def _id_of(account: Account, email: str) -> str:
    """The member's public id."""
    members = (await account.http.get("/v1/members")).json()["data"]
    (member_id,) = [member["id"] for member in members if member["email"] == email]
    return str(member_id)
