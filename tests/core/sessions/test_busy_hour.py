"""As tests/core/test_busy_hour.py: a realm of thousands, on plans from when there was nobody in it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from secrets import token_bytes
from uuid import UUID

import pytest

from server.base.errors import InvalidRefreshToken
from server.base.ids import new_uid
from server.core.credentials.passwords import ReadCredential, read_credential
from server.core.memberships import store as memberships
from server.core.memberships.model import Role
from server.core.one_time_secrets.actions import drop_secrets
from server.core.one_time_secrets.model import DropSecrets, Purpose
from server.core.principals.actions import FindByEmail, ReadPrincipal, find_by_email, read_principal
from server.core.principals.locking import NoteLogin, RecordFailure, note_login, record_failure
from server.core.principals.model import Counter
from server.core.realms.actions import read_realm
from server.core.sessions.authenticate import (
    AuthenticateAccessToken,
    VerifyAccessToken,
    authenticate_access_token,
    verify_access_token,
)
from server.core.sessions.ending import (
    EndSession,
    EndSessions,
    ListSessions,
    RevokeToken,
    end_session,
    end_sessions,
    list_sessions,
    revoke_token,
)
from server.core.sessions.model import EndReason
from server.core.sessions.refresh import RefreshSession, refresh_session
from server.core.work import Core, Work
from server.db.pool import Database
from tests.core.test_busy_hour import HANDFUL, Readings, connection_to, undone
from tests.support.accounts import a_customer, a_realm
from tests.support.database import DatabaseServer
from tests.support.rolled_back import a_core_rolled_back
from tests.support.scene import made_on
from tests.support.sign_in import a_principal, access_token_of, an_open_session, refresh_token_of
from tests.support.work import OPERATOR, a_core

MANY = 2000
TABLES = (
    "principals",
    "sessions",
    "refresh_tokens",
    "token_denials",
    "one_time_secrets",
    "usage_days",
    "usage_active_months",
)
BUSY = (
    f"""
    INSERT INTO principals (id, realm_id, email, email_key, created_at, updated_at)
    SELECT gen_random_uuid(), r.id, n || '@example.net', n || '@example.net', now(), now()
      FROM realms AS r, generate_series(1, {MANY}) AS n
     WHERE r.name IS NULL
    """,
    # Each has a session that is open and one that has ended; who was there before has hundreds of those.
    """
    INSERT INTO sessions (id, realm_id, principal_id, surface, amr, created_at, last_active_at, expires_at,
                          ended_at, end_reason)
    SELECT gen_random_uuid(), p.realm_id, p.id, 'protekt_auth', '{pwd}'::text[], now(), now(),
           now() + interval '30 days', CASE WHEN n > 1 THEN now() END, CASE WHEN n > 1 THEN 'revoked' END
      FROM principals AS p
     CROSS JOIN LATERAL generate_series(1, CASE WHEN p.email LIKE '%@example.net' THEN 2 ELSE 500 END) AS n
    """,
    """
    INSERT INTO refresh_tokens (token_digest, session_id, surface, created_at, expires_at)
    SELECT sha256((id::text || n)::bytea), id, surface, now(), expires_at
      FROM sessions, generate_series(1, 3) AS n
    """,
    """
    INSERT INTO token_denials (token_id, session_id, expires_at) SELECT id, id, expires_at FROM sessions
    """,
    """
    INSERT INTO one_time_secrets (id, realm_id, principal_id, purpose, target, secret_digest, max_attempts,
                                  created_at, expires_at)
    SELECT gen_random_uuid(), realm_id, id, 'magic_link', email, sha256(id::text::bytea), 1, now(),
           now() + interval '10 minutes'
      FROM principals
    """,
)


@pytest.fixture(scope="module")
async def quiet_url(postgres: DatabaseServer, worker_id: str) -> AsyncIterator[str]:
    """A database whose statistics are of an instance in which there is one realm and nobody in it."""
    url = await postgres.create_database(f"{worker_id}_quiet_realm")
    db = await Database.open(url, connections=1, application_name="tests")
    await made_on(a_core(db), a_realm)
    async with db.acquire() as conn:
        for table in TABLES:
            await conn.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        await conn.execute("ANALYZE")
    await db.close()
    yield url
    await postgres.drop_database(url)


@pytest.mark.parametrize("planned", ["while nobody was there", "in the busy hour"])
async def test_a_step_reads_a_handful_of_rows(quiet_url: str, planned: str) -> None:
    async with connection_to(quiet_url, plan_cache_mode="force_generic_plan") as conn:
        if planned == "while nobody was there":
            async with undone(conn):
                await take_each_step(Readings(conn), BUSY[:0])
        async with undone(conn):
            readings = Readings(conn)
            await take_each_step(readings, BUSY)

    assert {name: read for name, read in readings.of.items() if max(read.values(), default=0) > HANDFUL} == {}


async def take_each_step(readings: Readings, busy: tuple[str, ...]) -> None:
    """What happens to one person's sessions, one thing after the other."""
    step, core = readings.step, a_core_rolled_back(readings.conn)
    realm_id = await readings.conn.fetchval("SELECT id FROM realms WHERE name IS NULL")
    realm = await core.perform_at_once(read_realm, realm_id, actor=OPERATOR)
    jane = await made_on(core, a_principal, realm=realm)
    for statement in busy:
        await readings.conn.execute(statement)
    async with step("register"):
        await made_on(core, a_principal, realm=realm)
    async with step("find"):
        await core.perform_at_once(find_by_email, FindByEmail(realm.id, jane.email or ""), actor=OPERATOR)
        await core.perform_at_once(read_principal, ReadPrincipal(realm.id, jane.id), actor=OPERATOR)
    async with step("the hash"):
        command = ReadCredential(realm.id, email=jane.email)
        await core.perform_at_once(read_credential, command, actor=OPERATOR)
    async with step("a failure"):
        failure = RecordFailure(realm.id, jane.id, Counter.PASSWORD, 100, None)
        await core.perform(record_failure, failure, actor=OPERATOR)
    async with step("sign in"):
        await core.perform(note_login, NoteLogin(realm.id, jane.id), actor=OPERATOR)
        opened = await made_on(core, an_open_session, realm=realm, principal=jane)
    async with step("show a token"):
        await core.perform_at_once(
            authenticate_access_token, AuthenticateAccessToken(access_token_of(opened)), actor=OPERATOR
        )
    async with step("verify a token"):
        shown = VerifyAccessToken(realm.id, access_token_of(opened))
        await core.perform_at_once(verify_access_token, shown, actor=OPERATOR)
    refresh = RefreshSession(realm.id, refresh_token_of(opened))
    async with step("refresh"):
        await core.perform(refresh_session, refresh, actor=OPERATOR)
    async with step("list"):
        await core.perform_at_once(list_sessions, ListSessions(realm.id, jane.id), actor=OPERATOR)
    async with step("revoke a token"):
        revoked = RevokeToken(realm.id, access_token_of(opened))
        await core.perform(revoke_token, revoked, actor=OPERATOR)
    async with step("refresh again"):
        with pytest.raises(InvalidRefreshToken):
            await core.perform(refresh_session, refresh, actor=OPERATOR)
    async with step("drop links"):
        dropped = DropSecrets(realm.id, jane.id, (Purpose.MAGIC_LINK, Purpose.RESET_PASSWORD))
        await core.perform(drop_secrets, dropped, actor=OPERATOR)
    token = await made_on(core, an_invitation, email=jane.email)
    async with step("look at an invitation"):
        await memberships.select_invitation(readings.conn, realm.id, token, core.clock.now())
    await _end_each_way(readings, core, realm_id, jane.id)


async def an_invitation(work: Work, email: str) -> bytes:
    """The digest of the token of an invitation to the address."""
    token, organization = token_bytes(32), await a_customer(work)
    await memberships.insert_invitation(
        work.conn,
        new_uid(),
        organization_id=organization.id,
        email=email,
        role=Role.ADMIN,
        invited_by=None,
        token_digest=token,
        now=work.now,
        expires_at=work.now + timedelta(days=7),
    )
    return token


async def _end_each_way(readings: Readings, core: Core, realm_id: UUID, principal_id: UUID) -> None:
    realm = await core.perform_at_once(read_realm, realm_id, actor=OPERATOR)
    jane = await core.perform_at_once(read_principal, ReadPrincipal(realm_id, principal_id), actor=OPERATOR)
    opened = await made_on(core, an_open_session, realm=realm, principal=jane)
    async with readings.step("revoke a refresh token"):
        revoked = RevokeToken(realm_id, refresh_token_of(opened))
        await core.perform(revoke_token, revoked, actor=OPERATOR)
    async with readings.step("end one"):
        end = EndSession(realm_id, jane.id, opened.session.id, EndReason.REVOKED)
        await core.perform(end_session, end, actor=OPERATOR)
    async with readings.step("end all"):
        await core.perform(end_sessions, EndSessions(realm_id, jane.id, EndReason.REVOKED), actor=OPERATOR)
