"""What is done with factors of every type: they are listed, confirmed and removed."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from server.base.errors import FactorNotFound, InvalidCode, SecondFactorRequired
from server.base.secret import Secret
from server.core.factors import store
from server.core.factors.model import Factor
from server.core.factors.owner import Owner
from server.core.factors.sms import use_sms
from server.core.factors.totp import use_totp
from server.core.principals.notices import Notice, tell
from server.core.realms.policy import MfaMode, SecondFactor
from server.core.work import Refusal, Work

# Each is a second factor by itself. Recovery codes only stand in for one, and go with the last.
SECOND_FACTORS = (SecondFactor.TOTP, SecondFactor.SMS, SecondFactor.PUSH)

_FIRST_CODE = {SecondFactor.TOTP: use_totp, SecondFactor.SMS: use_sms}


@dataclass(frozen=True, slots=True)
class ListFactors:
    """Whose factors."""

    realm_id: UUID
    principal_id: UUID


@dataclass(frozen=True, slots=True)
class FactorsOf:
    """Of several people, as a list of people shows them."""

    realm_id: UUID
    principal_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class ConfirmFactor:
    """The first code of what is being set up; *kind* None: the code says which."""

    owner: Owner
    code: Secret
    kind: SecondFactor | None = None


@dataclass(frozen=True, slots=True)
class RemoveFactor:
    """What is taken away from whom.

    Args:
        by_operator: Somebody else takes it away, whatever the realm insists on; who has none left sets up
            another at the next sign-in.
    """

    owner: Owner
    kind: SecondFactor
    by_operator: bool = False


async def list_factors(work: Work, command: ListFactors) -> tuple[Factor, ...]:
    """The person's factors, those included that wait to be confirmed. One SELECT."""
    return tuple(await store.select_factors(work.conn, command.realm_id, command.principal_id))


async def factors_of(work: Work, command: FactorsOf) -> Mapping[UUID, tuple[SecondFactor, ...]]:
    """Which factors count of each of these people; who has none is not in it. One SELECT."""
    found: dict[UUID, tuple[SecondFactor, ...]] = {}
    for principal_id, kind in await store.select_active_types(
        work.conn, command.realm_id, command.principal_ids
    ):
        found[principal_id] = (*found.get(principal_id, ()), kind)
    return found


async def confirm_factor(work: Work, command: ConfirmFactor) -> SecondFactor:
    """The factor counts from now on, and its owner hears of it by mail.

    Raises:
        InvalidCode: The code is wrong, or nothing of this kind waits for one. As a `Refusal`: a wrong SMS
            code is counted.
        FactorExists: The person has one of this type that counts.
    """
    owner = command.owner
    factors = await store.select_factors(work.conn, owner.realm.id, owner.principal.id)
    waiting = [f for f in factors if not f.active and command.kind in {None, f.type}]
    for factor in waiting:
        if not await _FIRST_CODE[factor.type](work, factor, command.code):
            continue
        if not await store.update_confirmed(work.conn, owner.realm.id, factor.id, work.now):
            break
        work.record(owner.event("added", factor.type))
        await tell(work, Notice(owner.realm, owner.principal, "factor_added", {"factor": factor.type}))
        return factor.type
    work.record(owner.refusal(command.kind))
    raise Refusal(InvalidCode())


async def remove_factor(work: Work, command: RemoveFactor) -> None:
    """The person has no such factor, not even one that waits to be confirmed; they hear of it by mail.

    With the last second factor the recovery codes go too.

    Raises:
        FactorNotFound: There was none that counts.
        SecondFactorRequired: The realm insists on second factors: nobody takes away their own.
    """
    owner, kind = command.owner, command.kind
    factors = await store.select_factors(work.conn, owner.realm.id, owner.principal.id)
    if not any(factor.active and factor.type is kind for factor in factors):
        raise FactorNotFound
    insists = owner.realm.policy.mfa is MfaMode.REQUIRED and not command.by_operator
    if insists and kind in SECOND_FACTORS:
        raise SecondFactorRequired
    others = {factor.type for factor in factors if factor.active} - {kind}
    is_last = kind in SECOND_FACTORS and not others & set(SECOND_FACTORS) & set(owner.realm.policy.factors)
    gone = [kind, SecondFactor.RECOVERY_CODE] if is_last else [kind]
    await store.delete_factors(work.conn, owner.realm.id, owner.principal.id, gone)
    work.record(owner.event("removed", kind))
    await tell(work, Notice(owner.realm, owner.principal, "factor_removed", {"factor": kind}))


async def remove_all_factors(work: Work, owner: Owner) -> bool:
    """The person has no factor, not even one that waits to be confirmed; whether one counted.

    Telling them is the caller's.
    """
    counted = await store.delete_factors(work.conn, owner.realm.id, owner.principal.id, tuple(SecondFactor))
    for kind in counted:
        work.record(owner.event("removed", kind))
    return bool(counted)
