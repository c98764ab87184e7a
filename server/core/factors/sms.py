"""Codes by SMS.

A number can be taken over, so it is offered besides better factors. Source: NIST SP 800-63B-4, 3.1.3.3.
"""

from server.base.errors import InvalidCode, InvalidFields
from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.factors import store
from server.core.factors.model import Factor
from server.core.factors.owner import Owner, refuse_second
from server.core.notifications.actions import send_message
from server.core.notifications.model import Channel, Message
from server.core.one_time_secrets.actions import issue_code, redeem_code
from server.core.one_time_secrets.model import IssueCode, Purpose, RedeemCode
from server.core.principals.contacts import phone_of
from server.core.realms.policy import SecondFactor
from server.core.throttles.actions import count_try
from server.core.throttles.model import HOUR_SECONDS, Counted, Try
from server.core.throttles.strangers import count_sms_to_stranger
from server.core.work import Refusal, Work

_COUNTED = {Purpose.CONFIRM_PHONE: Counted.CONFIRM_CODE, Purpose.SECOND_FACTOR_CODE: Counted.STEP_CODE}


async def begin_sms(work: Work, owner: Owner, phone: str) -> None:
    """A code is on its way to *phone*, and the factor waits for it (`confirm_factor`).

    Raises:
        InvalidFields: It is no number in E.164 form, or the one thing by which the person signs in, so that
            a code to it would prove nothing more.
        FactorExists: The person has a number for codes.
        TooManyAttempts: So many codes went there in an hour, the person had so many sent, or the realm so
            many to numbers that are nobody's yet.
    """
    phone = phone_of(phone)
    if owner.principal.email is None and phone == owner.principal.phone:
        raise InvalidFields(fields={"phone": "must not be the number that you sign in with"})
    await refuse_second(work, owner, SecondFactor.SMS)
    await store.upsert_pending(
        work.conn,
        new_uid(),
        owner.realm.id,
        owner.principal.id,
        SecondFactor.SMS,
        secret_sealed=None,
        phone=phone,
        now=work.now,
    )
    # By person as well: a number is of anybody's choosing here.
    realm_id, most = owner.realm.id, owner.realm.policy.links_per_hour
    await count_try(work, Try(realm_id, Counted.CONFIRM_CODE, str(owner.principal.id), most, HOUR_SECONDS))
    # And with what strangers are sent: who registers often enough has numbers sent to without end.
    await count_sms_to_stranger(work, owner.realm)
    await _send(work, owner, phone, Purpose.CONFIRM_PHONE)
    work.record(owner.event("begun", SecondFactor.SMS))


async def send_step_code(work: Work, owner: Owner, factor: Factor) -> None:
    """A code is on its way to the factor's number; the one before it is dead.

    Raises:
        TooManyAttempts: So many codes went there in an hour.
    """
    await _send(work, owner, _number(factor), Purpose.SECOND_FACTOR_CODE)


async def use_sms(work: Work, factor: Factor, code: Secret) -> bool:
    """Whether *code* is the one that was sent last; it is used up then. A wrong one is counted."""
    purpose = Purpose.SECOND_FACTOR_CODE if factor.active else Purpose.CONFIRM_PHONE
    target = _target(factor.principal_id, _number(factor))
    try:
        await redeem_code(work, RedeemCode(factor.realm_id, purpose, target, code))
    except InvalidCode:
        return False
    except Refusal as refusal:
        if not isinstance(refusal.error, InvalidCode):
            raise
        return False
    await store.update_used(work.conn, factor.realm_id, factor.id, work.now)
    return True


async def _send(work: Work, owner: Owner, phone: str, purpose: Purpose) -> None:
    realm, principal = owner.realm, owner.principal
    await count_try(
        work, Try(realm.id, _COUNTED[purpose], phone, realm.policy.messages_per_hour, HOUR_SECONDS)
    )
    code = await issue_code(
        work,
        IssueCode(
            realm_id=realm.id,
            purpose=purpose,
            target=_target(principal.id, phone),
            ttl_seconds=realm.policy.code_seconds,
            max_attempts=realm.policy.code_attempts,
            principal_id=principal.id,
        ),
    )
    minutes = str(realm.policy.code_seconds // 60)
    await send_message(
        work,
        Message(Channel.SMS, phone, "sms_code", realm, principal.locale, {"code": code, "minutes": minutes}),
    )


def _target(principal_id: object, phone: str) -> str:
    """Whom the code is for, and where it went: the number may change between."""
    return f"{principal_id} {phone}"


def _number(factor: Factor) -> str:
    if factor.phone is None:
        raise AssertionError("an SMS factor has a number")
    return factor.phone
