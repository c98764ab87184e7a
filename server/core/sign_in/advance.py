"""The next proof of an unfinished sign-in."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from server.base.errors import InvalidCode, InvalidFields, InvalidSignIn
from server.base.secret import Secret
from server.core.factors.actions import ListFactors, list_factors
from server.core.factors.model import Factor
from server.core.factors.owner import Owner
from server.core.factors.push import question
from server.core.principals.actions import ReadPrincipal
from server.core.principals.locking import hold_principal
from server.core.principals.model import Counter
from server.core.realms.actions import read_realm
from server.core.realms.policy import SecondFactor
from server.core.sign_in import store
from server.core.sign_in.factors.registry import STEPS, offered
from server.core.sign_in.factors.second_step import Proof, Verdict
from server.core.sign_in.failures import note_failure
from server.core.sign_in.finish import Proved, finish_sign_in
from server.core.sign_in.model import SignInOutcome, StepRequired, Unfinished
from server.core.sign_in.steps import required
from server.core.sign_in.store import SignInRow
from server.core.work import Refusal, Work
from server.crypto.tokens import digest

BATCH = 500


@dataclass(frozen=True, slots=True)
class AdvanceSignIn:
    """The handle and the next proof.

    Args:
        method: One of the methods that were offered; None if the code is to say which.
        code: What was typed. None asks again: `sms` sends a new code, `push` looks what the phone said.
    """

    realm_id: UUID
    handle: Secret
    method: str | None
    code: Secret | None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class ReadUnfinished:
    """The handle of an unfinished sign-in of the realm."""

    realm_id: UUID
    handle: Secret


@dataclass(frozen=True, slots=True)
class _Judged:
    """What came of a proof, by which factor."""

    verdict: Verdict
    kind: SecondFactor


async def advance_sign_in(work: Work, command: AdvanceSignIn) -> SignInOutcome:
    """The proof was right, and the sign-in is finished; or something was asked for again.

    Raises:
        InvalidSignIn: There is no such unfinished sign-in; or the person said no on the phone or nothing in
            time, which ends it. As a `Refusal` then: a no is counted.
        InvalidCode: The code is wrong. As a `Refusal`: it is counted, whatever sign-in and code are new.
        InvalidFields: The method was not offered, or a code is needed.
        TooManyAttempts: Another code was asked for too often.
        InvalidCredentials, AccountDisabled: The account was locked or disabled at this moment.
    """
    owner, row = await open_sign_in(work, command.realm_id, command.handle)
    if row.sets_up:
        raise InvalidSignIn
    factors = await list_factors(work, ListFactors(owner.realm.id, owner.principal.id))
    at_hand = offered(owner.realm.policy, factors, row.amr)
    chosen = _chosen(at_hand, command)
    if command.code is None and _asks_again(row, chosen):
        return await _challenge(work, command.handle, owner, row, chosen)
    judged = await _judge(work, command.code, owner, row, chosen)
    match judged.verdict:
        case Verdict.RIGHT:
            return await _finish(work, command, owner, row, judged.kind)
        case Verdict.WAITING:
            asked = await question(work, owner, row.push_attempt_id) if row.push_attempt_id else None
            return required(command.handle, row, _seconds_left(work, row), asked)
        case Verdict.WRONG:
            await _count_failure(work, owner, row, judged)
            raise Refusal(InvalidCode())
        case Verdict.REFUSED:
            await _count_failure(work, owner, row, judged)
            await store.update_ended(work.conn, row.realm_id, row.id, work.now)
            raise Refusal(InvalidSignIn())
        case Verdict.OVER:
            await store.update_ended(work.conn, row.realm_id, row.id, work.now)
            raise Refusal(InvalidSignIn())


async def read_unfinished(work: Work, command: ReadUnfinished) -> Unfinished:
    """Whose sign-in it is, and what is missing. Perform at once: one SELECT.

    Raises:
        InvalidSignIn: There is no such unfinished sign-in.
    """
    row = await store.select_sign_in(work.conn, command.realm_id, digest(command.handle.reveal()), work.now)
    if row is None:
        raise InvalidSignIn
    return Unfinished(row.realm_id, row.principal_id, row.methods, row.sets_up)


async def forget_expired(work: Work, _: None) -> int:
    """No more than a batch of sign-ins that are past their time are forgotten; how many."""
    return await store.delete_expired(work.conn, work.now, BATCH)


async def open_sign_in(work: Work, realm_id: UUID, handle: Secret) -> tuple[Owner, SignInRow]:
    """The sign-in that waits, and whose it is; until the transaction ends nobody else goes on with it.

    Raises:
        InvalidSignIn: There is none, or the person may not sign in any more.
    """
    kept = digest(handle.reveal())
    found = await store.select_sign_in(work.conn, realm_id, kept, work.now)
    if found is None:
        raise InvalidSignIn
    realm = await read_realm(work, realm_id)
    principal = await hold_principal(work, ReadPrincipal(realm_id, found.principal_id))
    if principal is None or principal.is_locked(work.now) or principal.is_disabled:
        raise InvalidSignIn
    # Whoever held the person before may have finished it.
    row = await store.select_sign_in(work.conn, realm_id, kept, work.now)
    if row is None:
        raise InvalidSignIn
    return Owner(realm, principal), row


def _chosen(at_hand: Mapping[SecondFactor, Factor], command: AdvanceSignIn) -> Mapping[SecondFactor, Factor]:
    """The factors that the proof may be of."""
    if command.method is None:
        return {kind: factor for kind, factor in at_hand.items() if STEPS[kind].is_typed}
    chosen = {kind: factor for kind, factor in at_hand.items() if kind == command.method}
    if not chosen:
        raise InvalidFields(fields={"method": "is not one of those that are offered"})
    return chosen


def _asks_again(row: SignInRow, chosen: Mapping[SecondFactor, Factor]) -> bool:
    """Whether something is sent for a request without a code; at a phone that is being asked one looks."""
    return len(chosen) == 1 and not (SecondFactor.PUSH in chosen and row.push_attempt_id is not None)


async def _challenge(
    work: Work, handle: Secret, owner: Owner, row: SignInRow, chosen: Mapping[SecondFactor, Factor]
) -> StepRequired:
    ((kind, factor),) = chosen.items()
    attempt = await STEPS[kind].challenge(work, owner, factor)
    if attempt is not None:
        await store.update_push_attempt(work.conn, row.realm_id, row.id, attempt.id)
    return required(handle, row, _seconds_left(work, row), attempt)


async def _judge(
    work: Work,
    code: Secret | None,
    owner: Owner,
    row: SignInRow,
    chosen: Mapping[SecondFactor, Factor],
) -> _Judged:
    """The first factor that the proof is right for, else what the last one says."""
    judged: _Judged | None = None
    for kind, factor in chosen.items():
        step = STEPS[kind]
        if step.is_typed and code is None:
            raise InvalidFields(fields={"code": "is needed"})
        verdict = await step.verify(work, Proof(owner, factor, code, row.push_attempt_id))
        judged = _Judged(verdict, kind)
        if verdict is Verdict.RIGHT:
            break
    if judged is None:
        raise Refusal(InvalidCode())  # nothing is at hand for which a code could be right
    return judged


async def _finish(
    work: Work, command: AdvanceSignIn, owner: Owner, row: SignInRow, kind: SecondFactor
) -> SignInOutcome:
    if not await store.update_ended(work.conn, row.realm_id, row.id, work.now):
        raise InvalidSignIn
    return await finish_sign_in(
        work,
        Proved(
            owner,
            (*row.amr, STEPS[kind].amr),
            provider=row.provider,
            user_agent=command.user_agent or row.user_agent,
            is_new=owner.principal.created_at == row.created_at,
        ),
    )


async def _count_failure(work: Work, owner: Owner, row: SignInRow, judged: _Judged) -> None:
    locked = await note_failure(
        work,
        owner.realm,
        owner.principal,
        Counter.SECOND_FACTOR,
        method=STEPS[judged.kind].amr,
        reason=judged.verdict.value,
    )
    if locked:
        await store.update_all_ended(work.conn, row.realm_id, row.principal_id, work.now)


def _seconds_left(work: Work, row: SignInRow) -> int:
    return int((row.expires_at - work.now).total_seconds())
