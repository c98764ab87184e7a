"""Codes of an authenticator app. Source: RFC 6238; NIST SP 800-63B-4, section 3.1.4."""

from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.factors import store
from server.core.factors.model import Factor, TotpSetUp, secret_purpose
from server.core.factors.owner import Owner, refuse_second
from server.core.realms.policy import SecondFactor
from server.core.work import Work
from server.crypto.one_time_codes import base32, new_totp_secret, totp_step_of, totp_uri


async def begin_totp(work: Work, owner: Owner) -> TotpSetUp:
    """A new secret waits for its first code (`confirm_factor`), instead of one that waited before.

    Raises:
        FactorExists: The person has an authenticator app.
    """
    await refuse_second(work, owner, SecondFactor.TOTP)
    factor_id, secret = new_uid(), new_totp_secret()
    await store.upsert_pending(
        work.conn,
        factor_id,
        owner.realm.id,
        owner.principal.id,
        SecondFactor.TOTP,
        secret_sealed=work.keys.seal(secret, secret_purpose(factor_id)),
        phone=None,
        now=work.now,
    )
    work.record(owner.event("begun", SecondFactor.TOTP))
    return TotpSetUp(
        secret=Secret(base32(secret)),
        uri=Secret(totp_uri(secret, owner.realm.app_name, owner.name)),
    )


async def use_totp(work: Work, factor: Factor, code: Secret) -> bool:
    """Whether *code* is right for now, give or take one step; it and all before it are used up then.

    One SELECT, and one conditional UPDATE that decides who was first.
    """
    row = await store.select_totp(work.conn, factor.realm_id, factor.id)
    if row is None:
        return False
    secret = work.keys.open(row.secret_sealed, secret_purpose(row.id))
    step = totp_step_of(secret, code.reveal(), work.now, after=row.last_step)
    if step is None:
        return False
    return await store.update_step_used(work.conn, factor.realm_id, factor.id, step, work.now)
