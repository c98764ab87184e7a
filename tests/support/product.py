"""The whole server in this process, and clients of it whose every answer is checked."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from ssl import SSLContext
from typing import TypeVar

import httpx2

from server.app import SURFACES
from server.base.principal import Principal
from server.base.settings import Settings
from server.core.api_keys.model import Scope
from server.core.integrations.model import Integration
from server.core.organizations.model import Organization
from server.core.projects.model import Project
from server.core.work import Core
from server.db.pool import Database
from server.outbound.http import open_client, tls_context
from server.outbound.identity_providers.network import ProviderNetwork
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.limits import Limiter
from server.surfaces.kit.metrics import Metrics
from tests.support.accounts import PASSWORD, Account, ProjectClient, a_project, a_project_key, an_owner
from tests.support.contract import Answer, Checked
from tests.support.enrolling import ANYONE, a_bound_phone, an_enrolled_phone, an_invited_phone
from tests.support.factories import an_api_key, an_integration, an_operator_key
from tests.support.phone import Body, Given, Phone
from tests.support.scene import Scene, made_on
from tests.support.work import OPERATOR, a_core, some_settings

PEER = ("192.0.2.10", 40_000)
BASE_URL = "http://countersign.test"
PLENTY = "1000000/60"
LIMITS = (
    "limit_pending",
    "limit_respond",
    "limit_bind",
    "limit_verify",
    "limit_unproved",
    "limit_create",
    "limit_wait",
    "limit_failed_keys",
    "limit_operator",
    "limit_account",
    "limit_project",
    "limit_token",
    "limit_pages",
    "limit_public",
)

Made = TypeVar("Made")


@cache
def _tls() -> SSLContext:
    """Made once: it takes longer than a test."""
    return tls_context()


def generous_settings(**overrides: object) -> Settings:
    """Settings under which no test meets a limit that it is not about."""
    return some_settings(**(dict.fromkeys(LIMITS, PLENTY) | {"movable_clock": True} | overrides))


@dataclass
class RelyingParty:
    """An integration's backend with its API key."""

    http: httpx2.AsyncClient
    integration: Integration
    key_id: str
    secret: str
    auth: httpx2.BasicAuth = field(init=False)

    def __post_init__(self) -> None:
        self.auth = httpx2.BasicAuth(self.key_id, self.secret)

    async def create(
        self, phone: Phone | None = None, *, idempotency_key: str | None = None, **members: Given
    ) -> httpx2.Response:
        """POST /api/v1/auth-attempts; without a challenge unless *members* say otherwise."""
        body: Body = {"challengeRequested": False}
        if phone is not None:
            body["enrollmentId"] = phone.enrollment_id
        headers = {} if idempotency_key is None else {b"Idempotency-Key": idempotency_key.encode("latin-1")}
        return await self.http.post(
            "/api/v1/auth-attempts", json=body | members, headers=headers, auth=self.auth
        )

    async def ask(self, phone: Phone, **members: Given) -> Body:
        """A new attempt, as it is shown to the relying party."""
        response = await self.create(phone, **members)
        assert response.status_code == 201, response.text
        created: Body = response.json()
        return created

    async def wait(self, attempt_id: object, **query: object) -> httpx2.Response:
        """GET /api/v1/auth-attempts/{id}/wait."""
        url = f"/api/v1/auth-attempts/{attempt_id}/wait"
        return await self.http.get(
            url, params={name: str(value) for name, value in query.items()}, auth=self.auth
        )

    async def cancel(self, attempt_id: object) -> httpx2.Response:
        """POST /api/v1/auth-attempts/{id}/cancel, without a body."""
        return await self.http.post(f"/api/v1/auth-attempts/{attempt_id}/cancel", auth=self.auth)

    async def status(self, attempt_id: int) -> str:
        """How the attempt stands, as soon as it can be told."""
        status: str = (await self.wait(attempt_id, timeout=1, polling=1)).json()["status"]
        return status


class Product:
    """One serving process.

    Args:
        core: What it serves.
        seen: Every answer is added to it, when it is given.
    """

    def __init__(self, core: Core, seen: list[Answer] | None = None) -> None:
        self.core = core
        # Whoever signs in with a provider closes it: it keeps connections.
        self.outgoing = open_client(tls=_tls())
        network = ProviderNetwork(self.outgoing, plain_loopback=True)
        self.gateway = Gateway(
            core, SURFACES, core.settings, Limiter(core.settings, Metrics()), network=network
        )
        self._seen = seen
        self.http = self.client()

    def client(self, peer: str = PEER[0]) -> httpx2.AsyncClient:
        """Somebody at the address *peer*."""
        transport = httpx2.ASGITransport(self.gateway, client=(peer, PEER[1]))
        return httpx2.AsyncClient(transport=Checked(transport, self._seen), base_url=BASE_URL, timeout=60)

    # --- what is there ---

    async def made(
        self,
        factory: Callable[..., Awaitable[Made]],
        *,
        actor: Principal = OPERATOR,
        **what: Given,
    ) -> Made:
        """What *factory* makes, committed."""
        return await made_on(self.core, factory, actor=actor, **what)

    async def relying_party(self, *, ip_whitelist: tuple[str, ...] = (), **what: Given) -> RelyingParty:
        """A new integration, of a new tenant unless *what* says otherwise, with a key."""
        integration = await self.made(an_integration, **what)
        issued = await self.made(an_api_key, integration=integration, ip_whitelist=ip_whitelist)
        return RelyingParty(self.http, integration, issued.key.key_id, issued.secret.reveal())

    async def invited_phone(self, party: RelyingParty, **what: Given) -> Phone:
        """A phone that has scanned its invitation."""
        return await self.made(an_invited_phone, integration=party.integration, **what)

    async def bound_phone(self, party: RelyingParty, **what: Given) -> Phone:
        """A phone that knows whose it is."""
        return await self.made(a_bound_phone, actor=ANYONE, integration=party.integration, **what)

    async def enrolled_phone(self, party: RelyingParty, **what: Given) -> Phone:
        """A phone that can be asked."""
        return await self.made(an_enrolled_phone, actor=ANYONE, integration=party.integration, **what)

    async def operator(self) -> httpx2.AsyncClient:
        """A client with an operator key."""
        issued = await self.made(an_operator_key)
        client = self.client()
        client.headers["Authorization"] = f"Bearer {issued.secret.reveal()}"
        return client

    async def backend(
        self, *, project: Project | None = None, scopes: Sequence[Scope] | None = None, **what: Given
    ) -> ProjectClient:
        """The backend of a project, a new one made of *what* unless it is given."""
        if project is None:
            project = await self.made(a_project, **what)
        issued = await self.made(a_project_key, project=project, scopes=scopes)
        client = self.client()
        client.headers["X-Protekt-Key"] = issued.secret.reveal()
        return ProjectClient(client, project, issued.secret.reveal())

    async def account(self, *, organization: Organization | None = None) -> Account:
        """An owner who signed in, of a new organization unless one is given."""
        owner = await self.made(an_owner, organization=organization)
        return await self.signed_in(owner.organization, owner.member.email)

    async def signed_in(self, organization: Organization, email: str, password: str = PASSWORD) -> Account:
        """A member who signs in."""
        response = await self.http.post("/v1/token", json={"email": email, "password": password})
        assert response.status_code == 200, response.text
        token = response.json()["management_token"]
        client = self.client()
        client.headers["Authorization"] = f"Bearer {token}"
        return Account(client, organization, email, password, token)

    # --- what phones do ---

    async def post(self, path: str, body: object, **headers: str) -> httpx2.Response:
        """POST to the device surface: *path* is what follows `/api/v1/`."""
        return await self.http.post(f"/api/v1/{path}", json=body, headers=headers)

    async def bind(self, phone: Phone, **members: Given) -> httpx2.Response:
        """The phone binds; when it works, it knows its integration's key."""
        response = await self.post("enrollments/bind", phone.bind_body(**members))
        if response.status_code == 200:
            phone.integration_key = response.json()["integrationPublicKey"]
        return response

    async def verify(self, phone: Phone, challenge: int | None = None, **members: Given) -> httpx2.Response:
        """The phone registers its key, with the right challenge if none is given."""
        return await self.post("enrollments/verify", phone.verify_body(challenge, **members))

    async def poll(
        self, phone: Phone, device_token: str | None = None, *, prefer: str | None = None
    ) -> httpx2.Response:
        """The phone asks what waits for it, with a new device proof token if none is given."""
        headers = {} if prefer is None else {"Prefer": prefer}
        return await self.post("auth-attempts/pending", phone.poll_body(device_token), **headers)

    async def fetched(self, phone: Phone) -> Body:
        """What waits for the phone; there is something."""
        response = await self.poll(phone)
        assert response.status_code == 200, response.text
        fetched: Body = response.json()
        return fetched

    async def answer(
        self,
        phone: Phone,
        fetched: Body,
        *,
        accepted: bool = True,
        challenge: int | None = None,
        **members: Given,
    ) -> httpx2.Response:
        """The owner's answer to what was fetched."""
        body = phone.answer_body(
            fetched["authAttemptId"],
            fetched["authAttemptProofToken"],
            accepted=accepted,
            challenge=challenge,
        )
        return await self.post("auth-attempts/respond", body | members)

    # --- time and rows ---

    def move_clock(self, **passed: float) -> None:
        """So much time has *passed*, for the server and for those who wait."""
        self.core.clock.set_offset(self.core.clock.offset + timedelta(**passed))
        self.core.db.wakeups.wake_all()

    def scene(self, party: RelyingParty) -> Scene:
        """The same core by its actions, for what is quicker to say that way, and to look at rows."""
        return Scene(self.core, party.integration)


def a_product(db: Database, *, seen: list[Answer] | None = None, **settings: Given) -> Product:
    """A serving process on *db*, generous unless *settings* say otherwise."""
    return Product(a_core(db, settings=generous_settings(**settings)), seen)
