"""Setting up second factors: in a session that is strong enough, or in a sign-in that waits for one."""

from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from server.base.errors import (
    InvalidFields,
    InvalidSignIn,
    UserNotFound,
)
from server.base.secret import Secret
from server.core.factors.actions import (
    ConfirmFactor,
    ListFactors,
    RemoveFactor,
    confirm_factor,
    list_factors,
    remove_factor,
)
from server.core.factors.owner import Owner
from server.core.factors.sms import begin_sms
from server.core.factors.totp import begin_totp
from server.core.principals.actions import ReadPrincipal
from server.core.principals.locking import hold_principal
from server.core.realms.actions import read_realm
from server.core.realms.policy import SecondFactor
from server.core.sessions.strengthen import StrengthenSession, strengthen_session
from server.core.sign_in import store
from server.core.sign_in.advance import open_sign_in
from server.core.sign_in.amr import amr_of
from server.core.sign_in.factors.registry import SET_UP, STEPS, needs_second_step
from server.core.sign_in.finish import Proved, finish_sign_in
from server.core.sign_in.model import SignedIn
from server.core.sign_in.step_up import strong_session
from server.core.sign_in.store import SignInRow
from server.core.usage.actions import CountedUse, count_sign_in
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class BySession:
    """Somebody who is signed in."""

    realm_id: UUID
    principal_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class ByHandle:
    """Somebody who must set a factor up to get in (`StepRequired.sets_up`)."""

    realm_id: UUID
    handle: Secret


SetUpBy: TypeAlias = BySession | ByHandle


@dataclass(frozen=True, slots=True)
class BeginSetUp:
    """What is set up: `totp`, or `sms` with a number in E.164 form."""

    by: SetUpBy
    method: str
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class ConfirmSetUp:
    """The first code of what is being set up; *method* None: the code says which."""

    by: SetUpBy
    code: Secret
    method: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveSetUp:
    """What is taken away."""

    by: BySession
    method: str


@dataclass(frozen=True, slots=True)
class SetUpBegun:
    """What the person needs to go on.

    Args:
        secret: Base32, for `totp`; shown once.
        uri: `otpauth://…`, for `totp`; shown once, usually as a QR code.
        expires_in: Seconds for which the code that was sent works, for `sms`.
    """

    method: str
    secret: Secret | None = None
    uri: Secret | None = None
    expires_in: int | None = None


@dataclass(frozen=True, slots=True)
class _Entitled:
    """Whose factors may be changed, and what they have proved.

    Args:
        sign_in: The unfinished sign-in that waits for the set-up; None in a session.
    """

    owner: Owner
    proofs: tuple[str, ...]
    sign_in: SignInRow | None


async def begin_set_up(work: Work, command: BeginSetUp) -> SetUpBegun:
    """The factor waits for its first code. It counts for nothing until then.

    Raises:
        InvalidSignIn: The handle is of no sign-in that waits for this.
        SessionNotFound, UserNotFound: The session or the person is gone.
        SecondFactorRequired: The person has a second factor, and the session was begun without one.
        FactorExists: There is one already.
        InvalidFields: The method or the number cannot be used.
        TooManyAttempts: So many codes went to the number in an hour.
    """
    owner = (await _entitled(work, command.by)).owner
    method = _method(owner, command.method)
    if method is SecondFactor.TOTP:
        begun = await begin_totp(work, owner)
        return SetUpBegun(method, secret=begun.secret, uri=begun.uri)
    if command.phone is None:
        raise InvalidFields(fields={"phone": "is needed for sms"})
    await begin_sms(work, owner, command.phone)
    return SetUpBegun(method, expires_in=owner.realm.policy.code_seconds)


async def confirm_set_up(work: Work, command: ConfirmSetUp) -> SignedIn:
    """The factor counts from now on; its owner hears of it by mail, and is signed in with it.

    In a session: the session has new tokens that say so. In a sign-in: it is finished.

    Raises:
        InvalidSignIn, SessionNotFound, UserNotFound, SecondFactorRequired: As `begin_set_up`.
        InvalidFields: There is no such method.
        InvalidCode: The code is wrong, or nothing is being set up. As a `Refusal`.
    """
    entitled = await _entitled(work, command.by)
    owner, row = entitled.owner, entitled.sign_in
    method = None if command.method is None else _method(owner, command.method)
    added = await confirm_factor(work, ConfirmFactor(owner, command.code, method))
    proofs = (*entitled.proofs, STEPS[added].amr)
    if isinstance(command.by, BySession):
        return await _in_session(work, command.by.session_id, owner, proofs)
    if row is None or not await store.update_ended(work.conn, row.realm_id, row.id, work.now):
        raise InvalidSignIn
    return await finish_sign_in(
        work,
        Proved(
            owner,
            proofs,
            provider=row.provider,
            user_agent=command.user_agent or row.user_agent,
            is_new=owner.principal.created_at == row.created_at,
        ),
    )


async def remove_set_up(work: Work, command: RemoveSetUp) -> None:
    """The factor is gone; its owner hears of it by mail.

    Raises:
        SessionNotFound, UserNotFound: The session or the person is gone.
        SecondFactorRequired: The realm insists on a second factor, or the session was begun without one.
        FactorNotFound: There is none.
        InvalidFields: There is no such method.
    """
    owner = (await _entitled(work, command.by)).owner
    try:
        kind = SecondFactor(command.method)
    except ValueError:
        raise InvalidFields(fields={"method": "is not a second factor"}) from None
    await remove_factor(work, RemoveFactor(owner, kind))


async def _entitled(work: Work, by: SetUpBy) -> _Entitled:
    if isinstance(by, ByHandle):
        return await _entitled_by_handle(work, by)
    realm = await read_realm(work, by.realm_id)
    principal = await hold_principal(work, ReadPrincipal(realm.id, by.principal_id))
    if principal is None or principal.is_disabled:
        raise UserNotFound
    owner = Owner(realm, principal)
    return _Entitled(owner, (await strong_session(work, owner, by.session_id)).amr, None)


async def _entitled_by_handle(work: Work, by: ByHandle) -> _Entitled:
    owner, row = await open_sign_in(work, by.realm_id, by.handle)
    factors = await list_factors(work, ListFactors(owner.realm.id, owner.principal.id))
    if not row.sets_up or needs_second_step(owner.realm.policy, factors):
        raise InvalidSignIn
    return _Entitled(owner, row.amr, row)


async def _in_session(work: Work, session_id: UUID, owner: Owner, proofs: tuple[str, ...]) -> SignedIn:
    opened = await strengthen_session(
        work, StrengthenSession(owner.realm, owner.principal.id, session_id, amr_of(proofs))
    )
    if owner.realm.project_id is not None:
        await count_sign_in(work, CountedUse(owner.realm.id, owner.principal.id))
    return SignedIn(owner.principal, opened)


def _method(owner: Owner, text: str) -> SecondFactor:
    """The method, if it can be set up here."""
    for kind in SET_UP:
        if kind == text and kind in owner.realm.policy.factors:
            return kind
    raise InvalidFields(fields={"method": "cannot be set up here"})
