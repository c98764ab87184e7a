"""People of one project, who sign in and have sessions: real rows, and requests for them.

One person is registered by the product and has signed in; all others are copies of the rows that this made,
each with what must be its own. They have the same password, and so the same hash, which takes as long to
check as any other.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID, uuid4

import asyncpg

from server.app import close_core, open_core
from server.base.secret import Secret
from server.base.settings import Settings
from server.core.api_keys.project_keys import CreateProjectKey, create_project_key
from server.core.memberships.owners import CreateOwner, create_owner
from server.core.projects.actions import CreateProject, create_project
from server.core.projects.model import Project
from server.core.sessions.refresh import RefreshSession, refresh_session
from server.core.sign_in.begin import SignUp, sign_up
from server.core.sign_in.model import SignedIn
from server.core.work import Core, Work
from server.crypto.tokens import digest, new_refresh_token
from tests.bench.rows import Row, copy_rows, select_row
from tests.bench.wire import Expected, request_bytes
from tests.support.work import OPERATOR

PASSWORD = "a password that nobody has guessed"
WRONG_PASSWORD = "a password that somebody may guess"
OWNER = "owner@example.org"
SIGNED_IN = Expected(200, b'"access_token"')
REFRESHED = Expected(200, b'"refresh_token"')
VERIFIED = Expected(200, b'"claims"')
REFUSED = Expected(401, b'"invalid_credentials"')


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the project's realm."""

    id: UUID
    email: str


class People:
    """A project's people.

    Args:
        core: The product, in this process, for preparing.
        conn: Likewise; what is only prepared does not wait for the disk.
        project: Theirs.
        key: Of the project's backend.
        principal: The first person's row.
        session: The row of a session of theirs.
        refresh_token: The row of its refresh token.
    """

    def __init__(
        self,
        core: Core,
        conn: asyncpg.Connection,
        project: Project,
        key: Secret,
        principal: Row,
        session: Row,
        refresh_token: Row,
    ) -> None:
        self.project = project
        self.conn = conn
        self._core = core
        self._headers = {"x-protekt-key": key.reveal()}
        self._principal = principal
        self._session = session
        self._refresh_token = refresh_token
        self._turn = 0
        self.all: list[Person] = []

    @classmethod
    @asynccontextmanager
    async def registered(cls, settings: Settings, database_url: str, count: int) -> AsyncIterator[Self]:
        """Inside, there are *count* people who can sign in."""
        core = await open_core(settings, database_url=database_url, application_name="countersign bench")
        conn = await asyncpg.connect(
            database_url,
            server_settings={"application_name": "countersign bench", "synchronous_commit": "off"},
        )
        try:
            project, key = await core.perform(_a_project, None, actor=OPERATOR)
            person = SignUp(project.realm_id, "person@example.org", Secret(PASSWORD))
            outcome = await core.perform(sign_up, person, actor=OPERATOR)
            assert isinstance(outcome, SignedIn)
            assert outcome.session.refresh_token is not None
            refresh_token = await conn.fetchrow(
                "SELECT * FROM refresh_tokens WHERE token_digest = $1",
                digest(outcome.session.refresh_token.reveal()),
            )
            assert refresh_token is not None
            people = cls(
                core,
                conn,
                project,
                key,
                _copied(await select_row(conn, "principals", outcome.principal.id)),
                _copied(await select_row(conn, "sessions", outcome.session.session.id)),
                dict(refresh_token),
            )
            people.all = await people.more(count)
            await conn.execute("VACUUM ANALYZE", timeout=None)
            yield people
        finally:
            await conn.close()
            await close_core(core)

    async def more(self, count: int, **changes: object) -> list[Person]:
        """So many more people, whose columns have *changes*."""
        people = [Person(uid, f"person-{uid}@example.org") for uid in (uuid4() for _ in range(count))]
        await copy_rows(
            self.conn,
            "principals",
            self._principal,
            (
                {"id": person.id, "email": person.email, "email_key": person.email, **changes}
                for person in people
            ),
        )
        return people

    async def refresh_tokens(self, count: int) -> list[str]:
        """So many unused ones, each of a session of its own."""
        tokens = [new_refresh_token() for _ in range(count)]
        sessions = [uuid4() for _ in tokens]
        owners = self.next(count)
        now = datetime.now(UTC)
        await copy_rows(
            self.conn,
            "sessions",
            self._session,
            (
                {"id": session, "principal_id": owner.id, "created_at": now, "last_active_at": now}
                for session, owner in zip(sessions, owners, strict=True)
            ),
        )
        await copy_rows(
            self.conn,
            "refresh_tokens",
            self._refresh_token,
            (
                {"token_digest": digest(token), "session_id": session, "created_at": now}
                for token, session in zip(tokens, sessions, strict=True)
            ),
        )
        return tokens

    async def access_tokens(self, count: int) -> list[str]:
        """So many good ones, each of a session of its own."""
        tokens = []
        for token in await self.refresh_tokens(count):
            command = RefreshSession(self.project.realm_id, Secret(token))
            session = await self._core.perform(refresh_session, command, actor=OPERATOR)
            assert session.access_token is not None
            tokens.append(session.access_token.reveal())
        return tokens

    def next(self, count: int) -> list[Person]:
        """Each has their turn before one has it again."""
        begin, self._turn = self._turn, (self._turn + count) % len(self.all)
        return [self.all[(begin + number) % len(self.all)] for number in range(count)]

    # --- what is sent ---

    def sign_in(self, email: str, password: str = PASSWORD) -> bytes:
        """By password."""
        return self._post("/v1/auth/login", {"email": email, "password": password})

    def refreshing(self, refresh_token: str) -> bytes:
        """The session goes on."""
        return self._post("/v1/auth/token/refresh", {"refresh_token": refresh_token})

    def verifying(self, access_token: str) -> bytes:
        """The relying party asks whether the token is good."""
        return self._post("/v1/auth/token/verify", {"token": access_token})

    def resetting(self, email: str) -> bytes:
        """Somebody asks for a link to set a new password."""
        return self._post("/v1/auth/password/reset", {"email": email})

    def owner_signing_in(self) -> bytes:
        """The owner of the project's organization asks for a management token."""
        written = json.dumps({"email": OWNER, "password": PASSWORD}).encode()
        return request_bytes("POST", "/v1/token", written)

    async def sign_ins(self, count: int) -> Sequence[bytes]:
        """So many sign-ins, each person in turn."""
        return [self.sign_in(person.email) for person in self.next(count)]

    def _post(self, path: str, body: dict[str, Any]) -> bytes:
        written = json.dumps(body, separators=(",", ":")).encode()
        return request_bytes("POST", path, written, headers=self._headers)


async def _a_project(work: Work, _: None) -> tuple[Project, Secret]:
    owner = await create_owner(work, CreateOwner("Bench", OWNER, Secret(PASSWORD)))
    organization = owner.organization
    project = await create_project(
        work, CreateProject(organization.id, "Shop", "https://shop.example.org/signed-in")
    )
    issued = await create_project_key(work, CreateProjectKey(organization.id, project.id, "bench"))
    return project, issued.secret


def _copied(row: Row) -> Row:
    """What copies of the row have too: its place in the order of all is its own."""
    return {column: value for column, value in row.items() if column != "seq"}
