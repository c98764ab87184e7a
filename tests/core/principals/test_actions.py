from uuid import uuid4

import pytest

from server.base.errors import EmailTaken, InvalidFields, PhoneTaken, RealmNotFound, UserNotFound
from server.base.pages import CursorRequest
from server.core.principals.actions import (
    ChangePrincipal,
    ConfirmEmail,
    ConfirmPhone,
    DeletePrincipal,
    FindByEmail,
    FindByPhone,
    ListPrincipals,
    ReadPrincipal,
    RegisterPrincipal,
    SetStatus,
    change_principal,
    confirm_email,
    confirm_phone,
    delete_principal,
    find_by_email,
    find_by_phone,
    list_principals,
    read_principal,
    register_principal,
    set_status,
)
from server.core.principals.model import PrincipalStatus, RealmPrincipal
from server.core.realms.model import Realm
from server.core.work import Work
from tests.support.accounts import a_realm, an_email
from tests.support.sign_in import a_principal, an_open_session
from tests.support.work import event_names, later


@pytest.fixture
async def realm(work: Work) -> Realm:
    """A realm in which nobody is."""
    return await a_realm(work)


async def read(work: Work, principal: RealmPrincipal) -> RealmPrincipal:
    """As it is now."""
    return await read_principal(work, ReadPrincipal(principal.realm_id, principal.id))


async def test_nobody_registers_in_a_realm_that_is_gone(work: Work) -> None:
    with pytest.raises(RealmNotFound):
        await register_principal(work, RegisterPrincipal(uuid4(), email=an_email()))


async def test_who_registers_is_there_and_active(work: Work, realm: Realm) -> None:
    then, email = later(work), an_email()

    principal = await register_principal(
        then, RegisterPrincipal(realm.id, email=f" {email} ", metadata={"plan": "pro", "seats": None})
    )

    assert principal == await read(work, principal)
    assert (principal.email, principal.email_verified) == (email, False)
    assert principal.metadata == {"plan": "pro", "seats": None}
    assert (principal.status, principal.is_disabled) == (PrincipalStatus.ACTIVE, False)
    assert event_names(then) == ["principal.registered"]
    assert email not in str(then.events)
    assert then.events[0].realm_id == realm.id


async def test_a_phone_number_is_enough(work: Work, realm: Realm) -> None:
    principal = await register_principal(
        work, RegisterPrincipal(realm.id, phone="+1 (555) 123-4567", phone_verified=True)
    )

    assert (principal.email, principal.phone, principal.phone_verified) == (None, "+15551234567", True)
    assert await find_by_phone(work, FindByPhone(realm.id, "+15551234567")) == principal


@pytest.mark.parametrize(
    ("command", "field"),
    [
        ({}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b@c.example"}, "email"),
        ({"phone": "5551234567"}, "phone"),
        ({"email": "a@b.example", "metadata": {"x": "\x00"}}, "metadata"),
        ({"email": "a@b.example", "metadata": {"x": "\ud800"}}, "metadata"),
        ({"email": "a@b.example", "metadata": {"x": float("inf")}}, "metadata"),
        ({"email": "a@b.example", "metadata": {"x": "y" * 16_384}}, "metadata"),
    ],
)
async def test_what_cannot_be_kept_is_refused(
    work: Work, realm: Realm, command: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await register_principal(work, RegisterPrincipal(realm.id, **command))  # type: ignore[arg-type]  # wrong

    assert list(refused.value.fields) == [field]


async def test_text_that_looks_like_an_escape_is_kept(work: Work, realm: Realm) -> None:
    metadata = {"path": r"C:\u0000", "quote": '\\"'}

    principal = await a_principal(work, realm, metadata=metadata)

    assert (await read(work, principal)).metadata == metadata


async def test_an_address_is_one_persons_in_any_casing(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, email="Jane@Example.org")

    assert await find_by_email(work, FindByEmail(realm.id, "jane@example.ORG")) == principal
    with pytest.raises(EmailTaken):
        await a_principal(work, realm, email="JANE@example.org")


async def test_addresses_that_only_look_alike_are_two_peoples(work: Work, realm: Realm) -> None:
    """Whatever the database, or Python, takes for the lower case of a letter."""
    jim = await a_principal(work, realm, email="jim@example.org")
    other = await a_principal(work, realm, email="j\u0130m@example.org")

    assert await find_by_email(work, FindByEmail(realm.id, "JIM@example.org")) == jim
    assert await find_by_email(work, FindByEmail(realm.id, "j\u0130m@example.org")) == other
    assert await find_by_email(work, FindByEmail(realm.id, "j\u0131m@example.org")) is None
    assert not await confirm_email(work, ConfirmEmail(realm.id, jim.id, "j\u0130m@example.org"))


async def test_a_domain_in_another_script_is_one_however_it_is_written(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, email="jane@ex\u00e4mple.org")

    assert await find_by_email(work, FindByEmail(realm.id, "Jane@xn--EXMPLE-cua.org")) == principal
    with pytest.raises(EmailTaken):
        await a_principal(work, realm, email="jane@xn--exmple-cua.org")


async def test_an_address_that_only_looks_alike_is_not_verified_with_the_old_one(
    work: Work, realm: Realm
) -> None:
    principal = await a_principal(work, realm, email="jim@example.org")
    await confirm_email(work, ConfirmEmail(realm.id, principal.id, "jim@example.org"))

    after = await change_principal(
        work, ChangePrincipal(realm.id, principal.id, email="j\u0130m@example.org")
    )

    assert not after.email_verified
    assert await find_by_email(work, FindByEmail(realm.id, "jim@example.org")) is None


async def test_a_number_is_one_persons(work: Work, realm: Realm) -> None:
    await a_principal(work, realm, phone="+15551234567")

    with pytest.raises(PhoneTaken):
        await a_principal(work, realm, phone="+15551234567")


async def test_realms_know_nothing_of_each_others_people(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, email=an_email(), phone="+15551234567")
    other = await a_realm(work)
    assert principal.email is not None

    assert await find_by_email(work, FindByEmail(other.id, principal.email)) is None
    assert await find_by_phone(work, FindByPhone(other.id, "+15551234567")) is None
    for deed in (
        read_principal(work, ReadPrincipal(other.id, principal.id)),
        change_principal(work, ChangePrincipal(other.id, principal.id, metadata={"x": 1})),
        set_status(work, SetStatus(other.id, principal.id, PrincipalStatus.DISABLED)),
        confirm_phone(work, ConfirmPhone(other.id, principal.id, "+15551234567")),
        delete_principal(work, DeletePrincipal(other.id, principal.id)),
    ):
        with pytest.raises(UserNotFound):
            await deed
    assert not await confirm_email(work, ConfirmEmail(other.id, principal.id, principal.email))
    assert await read(work, principal) == principal
    assert (await a_principal(work, other, email=principal.email)).id != principal.id


# --- lists ----------------------------------------------------------------------------------------


async def test_people_come_in_pages_newest_first_and_none_is_lost(work: Work, realm: Realm) -> None:
    people = [await a_principal(work, realm) for _ in range(5)]
    await a_principal(work, await a_realm(work))

    seen: list[RealmPrincipal] = []
    sizes, after = [], None
    for _ in range(3):
        page = await list_principals(work, ListPrincipals(realm.id, CursorRequest(2, after)))
        seen += page.items
        sizes.append(len(page.items))
        after = page.next

    assert seen == people[::-1]
    assert (sizes, after) == ([2, 2, 1], None)


async def test_a_full_last_page_has_no_next(work: Work, realm: Realm) -> None:
    for _ in range(2):
        await a_principal(work, realm)

    page = await list_principals(work, ListPrincipals(realm.id, CursorRequest(2)))

    assert (len(page.items), page.next) == (2, None)


@pytest.mark.parametrize(
    ("search", "found"), [("JANE", 1), ("@example.org", 2), ("j_ne", 0), ("%", 0), ("", 2), ("nobody", 0)]
)
async def test_search_finds_parts_of_the_address_as_they_are(
    work: Work, realm: Realm, search: str, found: int
) -> None:
    await a_principal(work, realm, email="jane@example.org")
    await a_principal(work, realm, email="joe@example.org")

    page = await list_principals(work, ListPrincipals(realm.id, CursorRequest(), search))

    assert len(page.items) == found


# --- changes --------------------------------------------------------------------------------------


async def test_metadata_is_merged_key_by_key_and_null_removes_one(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, metadata={"a": {"x": 1, "y": 2}, "b": 1, "c": None})
    then = later(work, minutes=1)

    after = await change_principal(
        then, ChangePrincipal(realm.id, principal.id, metadata={"a": {"x": 3}, "b": None, "d": [1]})
    )

    assert after == await read(work, principal)
    assert after.metadata == {"a": {"x": 3}, "c": None, "d": [1]}
    assert after.updated_at == then.now
    assert then.events[0].data == {"changed": "metadata"}


async def test_metadata_does_not_grow_beyond_its_size(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, metadata={"a": "x" * 9000})

    with pytest.raises(InvalidFields):
        await change_principal(work, ChangePrincipal(realm.id, principal.id, metadata={"b": "x" * 9000}))


async def test_a_new_address_is_not_verified(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, email_verified=True)

    after = await change_principal(work, ChangePrincipal(realm.id, principal.id, email=an_email("new")))

    assert not after.email_verified


async def test_the_same_address_in_another_casing_stays_verified(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, email="jane@example.org", email_verified=True)

    after = await change_principal(work, ChangePrincipal(realm.id, principal.id, email="Jane@Example.org"))

    assert (after.email, after.email_verified) == ("Jane@Example.org", True)


async def test_the_address_of_another_is_refused(work: Work, realm: Realm) -> None:
    principal, other = await a_principal(work, realm), await a_principal(work, realm)
    assert other.email is not None

    with pytest.raises(EmailTaken):
        await change_principal(work, ChangePrincipal(realm.id, principal.id, email=other.email.upper()))


async def test_what_is_so_already_leaves_no_event(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, metadata={"a": 1})
    then = later(work, minutes=1)

    same = await change_principal(
        then,
        ChangePrincipal(realm.id, principal.id, metadata={"a": 1, "b": None}, email=principal.email or ""),
    )
    await set_status(then, SetStatus(realm.id, principal.id, PrincipalStatus.ACTIVE))

    assert same == principal
    assert event_names(then) == []


async def test_a_disabled_person_is_so_until_enabled(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm)
    then = later(work)

    disabled = await set_status(then, SetStatus(realm.id, principal.id, PrincipalStatus.DISABLED))
    enabled = await set_status(then, SetStatus(realm.id, principal.id, PrincipalStatus.ACTIVE))

    assert (disabled.is_disabled, enabled.is_disabled) == (True, False)
    assert [event.data for event in then.events] == [{"status": "disabled"}, {"status": "active"}]


async def test_an_address_is_confirmed_once(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, email="jane@example.org")
    then = later(work)

    for _ in range(2):
        assert await confirm_email(then, ConfirmEmail(realm.id, principal.id, "JANE@example.org"))

    assert (await read(work, principal)).email_verified
    assert event_names(then) == ["principal.email_confirmed"]


async def test_an_address_that_was_changed_meanwhile_is_not_confirmed(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm)

    assert not await confirm_email(work, ConfirmEmail(realm.id, principal.id, an_email("old")))

    assert not (await read(work, principal)).email_verified


async def test_a_confirmed_number_takes_the_place_of_another(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm, phone="+15550000001")

    await confirm_phone(work, ConfirmPhone(realm.id, principal.id, "+15550000002"))

    after = await read(work, principal)
    assert (after.phone, after.phone_verified) == ("+15550000002", True)


async def test_the_number_of_another_is_not_confirmed(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm)
    await a_principal(work, realm, phone="+15550000001")

    with pytest.raises(PhoneTaken):
        await confirm_phone(work, ConfirmPhone(realm.id, principal.id, "+15550000001"))


async def test_who_is_deleted_is_gone_with_sessions_and_tokens(work: Work, realm: Realm) -> None:
    principal = await a_principal(work, realm)
    session_id = (await an_open_session(work, realm, principal)).session.id
    then = later(work)

    await delete_principal(then, DeletePrincipal(realm.id, principal.id))

    with pytest.raises(UserNotFound):
        await read(work, principal)
    for table, column in (("sessions", "id"), ("refresh_tokens", "session_id")):
        left = await work.conn.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", session_id)
        assert left == 0
    assert event_names(then) == ["principal.deleted"]
    with pytest.raises(UserNotFound):
        await delete_principal(then, DeletePrincipal(realm.id, uuid4()))
