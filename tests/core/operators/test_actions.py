from uuid import UUID

import pytest

from server.base.errors import (
    EmailTaken,
    InvalidFields,
    InvalidOperatorKey,
    PermissionDenied,
    UserNotFound,
)
from server.base.principal import Actor
from server.base.secret import Secret
from server.core.operators.actions import (
    AuthenticateOperator,
    CreateOperator,
    SetOperatorStatus,
    authenticate_operator,
    create_operator,
    list_operators,
    set_operator_status,
    sign_out_operator,
)
from server.core.principals.actions import ReadPrincipal, read_principal
from server.core.principals.model import RealmPrincipal
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.work import Work
from server.crypto.tokens import new_management_token, new_operator_key
from tests.support.accounts import PASSWORD, an_email, an_owner
from tests.support.factories import an_operator_key
from tests.support.sign_in import an_open_session
from tests.support.work import event_names, later


async def an_operator(work: Work) -> RealmPrincipal:
    """An operator with a password."""
    return await create_operator(work, CreateOperator(an_email("operator"), Secret(PASSWORD)))


async def a_token(work: Work, operator: RealmPrincipal) -> Secret:
    """The token of a sign-in of theirs."""
    platform = await read_named_realm(work, RealmName.PLATFORM)
    token = (await an_open_session(work, platform, operator)).reference_token
    assert token is not None
    return token


async def test_an_operator_is_a_person_of_the_platform_s_realm(work: Work) -> None:
    operator = await an_operator(work)

    assert operator.realm_id == (await read_named_realm(work, RealmName.PLATFORM)).id
    assert operator.email_verified
    assert operator in await list_operators(work, None)
    assert event_names(work) == ["principal.registered"]


async def test_an_address_is_one_operator_s_and_may_be_a_member_s_too(work: Work) -> None:
    owner = await an_owner(work)
    operator = await create_operator(work, CreateOperator(owner.member.email, Secret(PASSWORD)))

    assert operator.id != owner.member.principal_id
    with pytest.raises(EmailTaken):
        await create_operator(work, CreateOperator(owner.member.email.upper(), Secret(PASSWORD)))


@pytest.mark.parametrize(
    ("email", "password", "field"), [("nobody", PASSWORD, "email"), ("a@example.com", "short", "password")]
)
async def test_an_address_and_a_good_password_are_needed(
    work: Work, email: str, password: str, field: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await create_operator(work, CreateOperator(email, Secret(password)))

    assert list(refused.value.fields) == [field]


async def test_an_operator_shows_a_key_or_the_token_of_a_sign_in(work: Work) -> None:
    operator, issued = await an_operator(work), await an_operator_key(work)

    by_key = await authenticate_operator(work, AuthenticateOperator(issued.secret))
    by_token = await authenticate_operator(work, AuthenticateOperator(await a_token(work, operator)))

    assert (by_key.kind, by_key.id, by_key.session_id) == (Actor.OPERATOR, str(issued.key.id), None)
    assert (by_token.kind, by_token.id) == (Actor.OPERATOR, str(operator.id))
    assert by_token.session_id is not None


async def test_whatever_else_is_shown_is_refused(work: Work) -> None:
    for text in (new_operator_key(), new_management_token(), "mgmt_", "", "\ud800"):
        with pytest.raises(InvalidOperatorKey):
            await authenticate_operator(work, AuthenticateOperator(Secret(text)))


async def test_a_member_s_token_is_no_operator_s(work: Work) -> None:
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    owner = await an_owner(work)
    session = await an_open_session(work, accounts, await _principal(work, owner.member.principal_id))
    assert session.reference_token is not None

    with pytest.raises(InvalidOperatorKey):
        await authenticate_operator(work, AuthenticateOperator(session.reference_token))


async def test_an_operator_who_is_switched_off_is_refused_until_switched_on_and_signed_in_again(
    work: Work,
) -> None:
    operator = await an_operator(work)
    token = await a_token(work, operator)
    afterwards = later(work, seconds=1)
    assert operator.email is not None

    off = await set_operator_status(afterwards, SetOperatorStatus(operator.email.upper(), enabled=False))

    assert off.is_disabled
    with pytest.raises(InvalidOperatorKey):
        await authenticate_operator(afterwards, AuthenticateOperator(token))
    on = await set_operator_status(afterwards, SetOperatorStatus(operator.email, enabled=True))
    assert not on.is_disabled
    with pytest.raises(InvalidOperatorKey):
        await authenticate_operator(afterwards, AuthenticateOperator(token))
    await authenticate_operator(afterwards, AuthenticateOperator(await a_token(afterwards, operator)))


async def test_nobody_unknown_is_switched_off(work: Work) -> None:
    with pytest.raises(UserNotFound):
        await set_operator_status(work, SetOperatorStatus(an_email(), enabled=False))


async def test_a_token_is_signed_out_once_and_a_key_never(work: Work) -> None:
    operator, issued = await an_operator(work), await an_operator_key(work)
    token = await a_token(work, operator)
    work.actor = await authenticate_operator(work, AuthenticateOperator(token))

    await sign_out_operator(work, None)

    with pytest.raises(InvalidOperatorKey):
        await authenticate_operator(work, AuthenticateOperator(token))
    with pytest.raises(InvalidOperatorKey):
        await sign_out_operator(work, None)
    work.actor = await authenticate_operator(work, AuthenticateOperator(issued.secret))
    with pytest.raises(PermissionDenied):
        await sign_out_operator(work, None)


async def _principal(work: Work, principal_id: UUID) -> RealmPrincipal:
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    return await read_principal(work, ReadPrincipal(accounts.id, principal_id))
