"""Codes on paper, for when the phone is gone. Source: NIST SP 800-63B-4, sections 3.1.2 and 4.2.1.1."""

from uuid import UUID

from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.factors import store
from server.core.factors.model import Factor
from server.core.factors.owner import Owner
from server.core.principals.notices import Notice, tell
from server.core.realms.policy import SecondFactor
from server.core.work import Work
from server.crypto.one_time_codes import new_recovery_codes, normalized_recovery_code
from server.crypto.tokens import digest


async def make_recovery_codes(work: Work, owner: Owner) -> tuple[Secret, ...]:
    """Ten new codes, each good once and shown this once; those that were made before are dead.

    Their owner hears of it by mail.
    """
    codes = new_recovery_codes()
    factor_id = new_uid()
    kinds = [SecondFactor.RECOVERY_CODE]
    await store.delete_factors(work.conn, owner.realm.id, owner.principal.id, kinds)
    await store.insert_active(
        work.conn,
        factor_id,
        owner.realm.id,
        owner.principal.id,
        SecondFactor.RECOVERY_CODE,
        label=None,
        enrollment_id=None,
        now=work.now,
    )
    digests = [_digest(factor_id, code) for code in codes]
    await store.insert_recovery_codes(work.conn, factor_id, [new_uid() for _ in codes], digests)
    work.record(owner.event("added", SecondFactor.RECOVERY_CODE))
    added = {"factor": SecondFactor.RECOVERY_CODE}
    await tell(work, Notice(owner.realm, owner.principal, "factor_added", added))
    return tuple(Secret(code) for code in codes)


async def use_recovery_code(work: Work, owner: Owner, factor: Factor, code: Secret) -> bool:
    """Whether *code* is one of the person's that was not used before.

    It is used up then, and its owner hears of it by mail.
    """
    kept = _digest(factor.id, code.reveal())
    if not await store.update_recovery_code_used(work.conn, factor.realm_id, factor.id, kept, work.now):
        return False
    await store.update_used(work.conn, factor.realm_id, factor.id, work.now)
    left = str(await recovery_codes_left(work, factor))
    await tell(work, Notice(owner.realm, owner.principal, "recovery_code_used", {"left": left}))
    return True


async def recovery_codes_left(work: Work, factor: Factor) -> int:
    """How many codes can still be used."""
    return await store.count_recovery_codes(work.conn, factor.realm_id, factor.id)


def _digest(factor_id: UUID, code: str) -> bytes:
    """What is kept of a code: 80 random bits, with the factor's id as salt."""
    return digest(f"{factor_id}:{normalized_recovery_code(code)}")
