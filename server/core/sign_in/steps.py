"""What is missing after the first proof: nothing, a second one, or something to prove it with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from server.base.errors import AccountDisabled, InvalidCredentials, SecondFactorRequired, TooManyAttempts
from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.audit.events import Event
from server.core.auth_attempts.model import Attempt, ended_topic
from server.core.factors.actions import ListFactors, list_factors
from server.core.factors.model import Factor
from server.core.factors.owner import Owner
from server.core.memberships.actions import MembershipOf, membership_of
from server.core.realms.model import RealmKind
from server.core.realms.policy import SecondFactor
from server.core.sign_in import store
from server.core.sign_in.amr import EMAIL, amr_of
from server.core.sign_in.factors.registry import SET_UP, STEPS, needs_second_step, offered
from server.core.sign_in.failures import refusal
from server.core.sign_in.finish import Proved, finish_sign_in
from server.core.sign_in.handing_over import HandOver, hand_over
from server.core.sign_in.model import SIGN_IN_SECONDS, SignInOutcome, StepRequired
from server.core.work import Refusal, Work
from server.crypto.tokens import digest, new_sign_in_handle


@dataclass(frozen=True, slots=True)
class Missing:
    """What is needed of the person next.

    Args:
        methods: What is offered, of which one is enough.
        sets_up: They have to be set up first.
        attempt: The question that the phone is asked.
    """

    methods: tuple[SecondFactor, ...]
    sets_up: bool = False
    attempt: Attempt | None = None


async def go_on(work: Work, proved: Proved) -> SignInOutcome:
    """The sign-in is finished if nothing is missing; else it waits, and what can be sent is on its way.

    Who was found by reading an address that nobody had verified is handed the account first; where it has a
    second factor, giving that shows whose the account is, and nothing is taken away.

    Raises:
        InvalidCredentials: The account is locked, or it is a member's who is none any more. As a `Refusal`.
        AccountDisabled: It is not in use. As a `Refusal`.
        SecondFactorRequired: A second proof is needed, and there is none that this person could give after
            this first one. As a `Refusal`.
    """
    owner, policy = proved.owner, proved.realm.policy
    await _refuse_who_may_not(work, proved)
    factors = await list_factors(work, ListFactors(owner.realm.id, owner.principal.id))
    if needs_second_step(policy, factors):
        steps = offered(policy, factors, proved.proofs)
        missing = Missing(tuple(steps), attempt=await _challenge_all(work, owner, steps))
    else:
        proved = await _as_reader(work, proved)
        if policy.is_satisfied_by(amr_of(proved.proofs)):
            return await finish_sign_in(work, proved)
        missing = Missing(tuple(kind for kind in SET_UP if kind in policy.factors), sets_up=True)
    if not missing.methods:
        work.record(refusal(owner.realm, owner.principal, method=proved.proofs[0], reason="no_second_factor"))
        raise Refusal(SecondFactorRequired("This account needs another way to sign in"))
    return await _wait(work, proved, missing)


def required(handle: Secret, row: store.SignInRow, seconds: int, attempt: Attempt | None) -> StepRequired:
    """The step that an unfinished sign-in waits for."""
    return StepRequired(
        handle=handle,
        methods=row.methods,
        expires_in=seconds,
        sets_up=row.sets_up,
        number=attempt.challenge if attempt else None,
        topic=ended_topic(attempt.id) if attempt else None,
    )


async def _refuse_who_may_not(work: Work, proved: Proved) -> None:
    realm, principal = proved.realm, proved.principal
    if realm.kind is RealmKind.WORKFORCE and not await membership_of(work, MembershipOf(principal.id)):
        work.record(refusal(realm, principal, method=proved.proofs[0], reason="no_membership"))
        raise Refusal(InvalidCredentials())
    if principal.is_locked(work.now):
        work.record(refusal(realm, principal, method=proved.proofs[0], reason="locked"))
        raise Refusal(InvalidCredentials())
    if principal.is_disabled:
        work.record(refusal(realm, principal, method=proved.proofs[0], reason="disabled"))
        raise Refusal(AccountDisabled())


async def _as_reader(work: Work, proved: Proved) -> Proved:
    """What was proved, of an account that is whoever's who proved it."""
    if proved.proofs[0] != EMAIL or proved.principal.email_verified:
        return proved
    principal = await hand_over(work, HandOver(proved.realm, proved.principal))
    return replace(proved, owner=Owner(proved.realm, principal))


async def _challenge_all(work: Work, owner: Owner, steps: Mapping[SecondFactor, Factor]) -> Attempt | None:
    """Whatever can be sent is on its way. What was sent too often is not: something else may be at hand."""
    attempt = None
    for kind, factor in steps.items():
        try:
            attempt = await STEPS[kind].challenge(work, owner, factor) or attempt
        except TooManyAttempts:
            continue
    return attempt


async def _wait(work: Work, proved: Proved, missing: Missing) -> StepRequired:
    handle = Secret(new_sign_in_handle())
    expires_at = work.now + timedelta(seconds=SIGN_IN_SECONDS)
    row = store.SignInRow(
        id=new_uid(),
        realm_id=proved.realm.id,
        principal_id=proved.principal.id,
        amr=proved.proofs,
        methods=missing.methods,
        sets_up=missing.sets_up,
        provider=proved.provider,
        push_attempt_id=missing.attempt.id if missing.attempt else None,
        user_agent=proved.user_agent,
        created_at=work.now,
        expires_at=expires_at,
    )
    await store.insert_sign_in(
        work.conn, row, digest(handle.reveal()), surface=work.actor.surface, address=work.actor.address
    )
    work.record(
        Event(
            "sign_in.continued",
            "principal",
            str(proved.principal.id),
            proved.realm.organization_id,
            data={"methods": " ".join(missing.methods), "sets_up": missing.sets_up},
            realm_id=proved.realm.id,
        )
    )
    return required(handle, row, SIGN_IN_SECONDS, missing.attempt)
