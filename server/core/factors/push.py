"""A phone that is asked: the product's own attempts as a second factor, with a number to type.

Source: NIST SP 800-63B-4, section 3.1.3; docs/protocol/wire.md, section 3.2.
"""

from dataclasses import dataclass
from enum import Enum

from server.base.errors import (
    AttemptNotFound,
    EnrollmentForbidden,
    EnrollmentInactive,
    EnrollmentNotFound,
)
from server.base.ids import new_uid
from server.core.auth_attempts.create import CreateAttempt, create_attempt
from server.core.auth_attempts.follow import ReadAttempt, read_attempt
from server.core.auth_attempts.model import Attempt, AttemptStatus
from server.core.enrollments.administration import ReadEnrollment, read_enrollment
from server.core.enrollments.model import EnrollmentStatus
from server.core.factors import store
from server.core.factors.model import Factor
from server.core.factors.owner import Owner, refuse_second
from server.core.principals.notices import Notice, tell
from server.core.realms.policy import SecondFactor
from server.core.throttles.actions import clear_tries, count_try
from server.core.throttles.model import HOUR_SECONDS, Counted, Try
from server.core.work import Work

QUESTIONS_PER_HOUR = 10
"""Without a yes: whoever is asked again and again gives in some day."""

_LONGEST_NAME = 90  # code points; in UTF-16 at most 180 units of the title's 200


@dataclass(frozen=True, slots=True)
class LinkPush:
    """An enrolled phone of the realm's push integration, and whose it is."""

    owner: Owner
    enrollment_id: int
    label: str | None = None


class Said(Enum):
    """What the person said on the phone."""

    NOTHING_YET = "nothing_yet"
    YES = "yes"
    NO = "no"  # or typed a wrong number
    TOO_LATE = "too_late"  # or the same phone was asked something else meanwhile


async def link_push(work: Work, command: LinkPush) -> Factor:
    """The phone is the person's factor, and they hear of it by mail.

    Raises:
        EnrollmentNotFound: The realm's push integration has no such enrollment, or the realm has none.
        EnrollmentInactive: The phone is not verified, or not active.
        FactorExists: The person has a phone, or this one is somebody's.
    """
    owner = command.owner
    enrollment = await read_enrollment(work, ReadEnrollment(command.enrollment_id))
    if enrollment.integration_id != owner.realm.push_integration_id:
        raise EnrollmentNotFound
    if enrollment.status is not EnrollmentStatus.VERIFIED or not enrollment.active:
        raise EnrollmentInactive
    await refuse_second(work, owner, SecondFactor.PUSH)
    factor_id = new_uid()
    await store.insert_active(
        work.conn,
        factor_id,
        owner.realm.id,
        owner.principal.id,
        SecondFactor.PUSH,
        label=command.label,
        enrollment_id=enrollment.id,
        now=work.now,
    )
    work.record(owner.event("added", SecondFactor.PUSH, enrollment_id=enrollment.id))
    await tell(work, Notice(owner.realm, owner.principal, "factor_added", {"factor": SecondFactor.PUSH}))
    return Factor(
        id=factor_id,
        realm_id=owner.realm.id,
        principal_id=owner.principal.id,
        type=SecondFactor.PUSH,
        active=True,
        label=command.label,
        phone=None,
        enrollment_id=enrollment.id,
        created_at=work.now,
        last_used_at=None,
    )


async def ask_phone(work: Work, owner: Owner, factor: Factor) -> Attempt | None:
    """The phone is being asked, and its owner must type the attempt's number there.

    None: it cannot be asked, since it is locked, not active or revoked, or its integration is. An earlier
    question that is open has expired. Within the caller's transaction.

    Raises:
        TooManyAttempts: It was asked so often in an hour without a yes.
    """
    if owner.realm.push_integration_id is None:
        return None
    await count_try(work, _questions(owner))
    try:
        return await create_attempt(
            work,
            CreateAttempt(
                integration_id=owner.realm.push_integration_id,
                enrollment_id=factor.enrollment_id,
                user_identifier=None,
                challenge_requested=True,
                context_title=_title(owner),
                context_message=None,
            ),
        )
    except (EnrollmentForbidden, EnrollmentInactive):
        return None


async def question(work: Work, owner: Owner, attempt_id: int) -> Attempt | None:
    """The question with this id, as it stands; None if the realm asks through another integration by now."""
    if owner.realm.push_integration_id is None:
        return None
    try:
        return await read_attempt(work, ReadAttempt(owner.realm.push_integration_id, attempt_id))
    except AttemptNotFound:
        return None


async def answer_of(work: Work, owner: Owner, factor: Factor, attempt_id: int) -> Said:
    """What was said to this question until now. The phone's signature was checked when it arrived."""
    attempt = await question(work, owner, attempt_id)
    if attempt is None:
        return Said.TOO_LATE
    if attempt.status is AttemptStatus.ACCEPTED:
        await clear_tries(work, _questions(owner))
        await store.update_used(work.conn, factor.realm_id, factor.id, work.now)
    return _SAID[attempt.status]


_SAID = {
    AttemptStatus.PENDING: Said.NOTHING_YET,
    AttemptStatus.READ: Said.NOTHING_YET,
    AttemptStatus.ACCEPTED: Said.YES,
    AttemptStatus.REJECTED: Said.NO,
    AttemptStatus.INVALID: Said.NO,
    AttemptStatus.EXPIRED: Said.TOO_LATE,
}


def _questions(owner: Owner) -> Try:
    subject = str(owner.principal.id)
    return Try(owner.realm.id, Counted.PUSH, subject, QUESTIONS_PER_HOUR, HOUR_SECONDS)


def _title(owner: Owner) -> str:
    """What the phone shows and signs; `|` separates the parts of what is signed."""
    return f"Sign in to {owner.realm.app_name.replace('|', ' ')[:_LONGEST_NAME]}"
