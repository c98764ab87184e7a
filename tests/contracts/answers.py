"""Every kind of answer that the server gives: each operation of each surface, taken and refused."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2

from server.base.secret import Secret
from server.core.operators.actions import CreateOperator, create_operator
from server.core.work import Work
from server.db.pool import Database
from tests.contracts.protekt_answers import (
    ACCOUNT_BODIES,
    AUTH_BODIES,
    account_answers,
    auth_answers,
    bodies_of,
    limited_answers,
    throttled_answers,
)
from tests.support.accounts import PASSWORD, an_email
from tests.support.contract import Answer, contracts
from tests.support.phone import P256Key, Phone
from tests.support.product import PEER, Product, RelyingParty, a_product
from tests.surfaces.kit.asgi_client import Client

DEVICE_OPERATIONS = (
    "enrollments/bind",
    "enrollments/verify",
    "enrollments/instance-info",
    "enrollments/push-address",
    "auth-attempts/pending",
    "auth-attempts/respond",
)


async def every_answer(db: Database, database_url: str) -> list[Answer]:
    """The answers, each of which is as its document says."""
    seen: list[Answer] = []
    async with _process(db, seen) as product:
        party = await product.relying_party()
        await _enroll(product, party)
        await _ask_and_answer(product, party)
        await _refused_creations(product, party)
        await _refused_bodies(product, party)
        await _operators(product)
        await _well_known(product)
        await account_answers(product)
        await auth_answers(product, party)
    async with _process(db, seen, capture_outbox=True) as product:
        await throttled_answers(product)
        await _captured(product)
    async with _process(db, seen, bind_segments=12) as product:
        await product.bind(await product.invited_phone(await product.relying_party()))
    await _limited(db, seen)
    await _slow(db, seen)
    await _without_a_database(db, database_url, seen)
    return seen


@asynccontextmanager
async def _process(db: Database, seen: list[Answer], **settings: object) -> AsyncIterator[Product]:
    listeners = db.wakeups._listeners.copy()
    product = a_product(db, seen=seen, metrics_networks="192.0.2.0/24", **settings)
    yield product
    await product.http.aclose()
    db.wakeups._listeners[:] = listeners


# --- phones ----------------------------------------------------------------------------------------


async def _enroll(product: Product, party: RelyingParty) -> None:
    await product.http.get("/api/v1/public/instance-info")
    phone = await product.invited_phone(party)
    await product.bind(phone, enrollmentProofToken="wrong")
    await product.bind(phone)
    await product.bind(phone)
    await product.verify(phone, phone.challenge - 1)
    await product.verify(phone, devicePrivateKeyStorageTier=None)
    await product.verify(phone)
    for token in (phone.proof_token, "wrong"):
        await product.post("enrollments/instance-info", {"enrollmentProofToken": token})
    for key in (phone.key, P256Key()):
        body = phone.push_address_body("FCM", "somewhere", signed_by=key)
        await product.post("enrollments/push-address", body)


async def _ask_and_answer(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)
    await product.poll(phone)
    await product.post("auth-attempts/pending", phone.poll_body(signed_by=P256Key()))
    for accepted, members in (
        (True, {}),
        (False, {"authAttemptDenyReason": "MISTAKE"}),
        (False, {"authAttemptDenyReason": None}),
    ):
        created = await party.ask(phone, contextTitle="Pay", contextMessage="50 EUR", challengeRequested=True)
        fetched = await product.fetched(phone)
        body = phone.answer_body(
            fetched["authAttemptId"],
            fetched["authAttemptProofToken"],
            accepted=accepted,
            challenge=created["authAttemptChallenge"],
        )
        await product.post("auth-attempts/respond", body | members)
        await product.post("auth-attempts/respond", body | members)
        await party.wait(created["authAttemptId"])
        await party.cancel(created["authAttemptId"])
    await product.post("auth-attempts/respond", phone.answer_body(7, "unknown", accepted=True))
    cancelled = await party.ask(phone)
    await party.wait(cancelled["authAttemptId"], timeout=1, polling=1)
    await party.cancel(cancelled["authAttemptId"])
    await party.wait(cancelled["authAttemptId"])
    await party.wait(cancelled["authAttemptId"], timeout=301)
    await party.wait(7)
    await party.cancel(7)


# --- relying parties -------------------------------------------------------------------------------


async def _refused_creations(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party, user_identifier="jane")
    await party.create()
    await party.create(await product.bound_phone(party))
    await party.create(
        userIdentifier="jane",
        enrollmentId=None,
        contextTitle=None,
        contextMessage=None,
        demoMitmSignatureRequested=None,
    )
    nobody = RelyingParty(party.http, party.integration, party.key_id, "wrong")
    await nobody.create(phone)
    await nobody.wait(7)
    await nobody.cancel(7)


async def _refused_bodies(product: Product, party: RelyingParty) -> None:
    for path in (*DEVICE_OPERATIONS, "auth-attempts"):
        for body, media_type in (
            (b"{", "application/json"),
            (b"{}", "application/json"),
            (b"{}", "text/plain"),
            (b" " * 70_000, "application/json"),
        ):
            await product.http.post(
                f"/api/v1/{path}", content=body, headers={"Content-Type": media_type}, auth=party.auth
            )
    for path in ("auth-attempts/pending", "nothing", "auth-attempts/7/cancel"):
        await product.http.put(f"/api/v1/{path}")
    await product.http.head("/api/v1/public/instance-info")


# --- all of them -----------------------------------------------------------------------------------


async def _limited(db: Database, seen: list[Answer]) -> None:
    limits = ("bind", "verify", "pending", "respond", "create", "wait", "unproved", "operator")
    async with _process(db, seen, **{f"limit_{name}": "1/3600" for name in limits}) as product:
        party = await product.relying_party()
        phone = await product.enrolled_phone(party)
        operator = await product.operator()
        for _ in range(2):
            await party.create(phone)
            await party.wait(7)
            await party.cancel(7)
            await product.poll(phone)
            await operator.get("/api/v1/tenants")
            for path in DEVICE_OPERATIONS:
                await product.post(path, _body(path, phone))
        await operator.aclose()

    others = ("account", "project", "token", "pages", "failed_keys")
    async with _process(db, seen, **{f"limit_{name}": "1/3600" for name in others}) as product:
        await limited_answers(product)


async def _slow(db: Database, seen: list[Answer]) -> None:
    """Whoever announces a body and does not send it."""
    async with _process(db, seen, body_timeout_seconds=0.01) as product:
        party = await product.relying_party()
        credentials = b64encode(f"{party.key_id}:{party.secret}".encode()).decode()
        by_basic = {"Authorization": f"Basic {credentials}"}
        for path in (*DEVICE_OPERATIONS, "auth-attempts"):
            await _stalled(product, "POST", f"/api/v1/{path}", by_basic, seen)
        account, backend = await bodies_of(product)
        for credential, operations in ((account, ACCOUNT_BODIES), (backend, AUTH_BODIES)):
            for method, path in operations:
                await _stalled(product, method, f"/v1{path.replace('{id}', 'x')}", credential, seen)


async def _stalled(
    product: Product, method: str, path: str, credentials: Mapping[str, str], seen: list[Answer]
) -> None:
    headers = {"Content-Type": "application/json", **credentials}
    request = Client(product.gateway).start(
        method, path, headers=headers, body=b"{", complete=False, peer=PEER[0]
    )
    answered = await request.finish()
    answer = Answer(method, path, answered.status, httpx2.Headers(answered.headers), answered.body)
    contracts().check(answer)
    seen.append(answer)


async def _without_a_database(db: Database, database_url: str, seen: list[Answer]) -> None:
    async with _process(db, []) as product:
        party = await product.relying_party()
        phone = await product.enrolled_phone(party)
        account, backend = await product.account(), await product.backend()
    closed = await Database.open(database_url, connections=1, application_name="closed")
    await closed.close()
    async with _process(closed, seen) as product:
        party.http = product.http
        await product.http.get("/api/v1/public/instance-info")
        await product.http.get("/health")
        await asyncio.gather(party.create(phone), party.wait(7), party.cancel(7))
        for path in DEVICE_OPERATIONS:
            await product.post(path, _body(path, phone))
        for http in (account.http, backend.http):
            # Their keys are not remembered: nothing can be asked.
            http._transport = product.http._transport
        await account.http.get("/v1/projects")
        await backend.http.get("/v1/auth/users")


def _body(path: str, phone: Phone) -> object:
    return {
        "enrollments/bind": phone.bind_body(),
        "enrollments/verify": phone.verify_body(),
        "enrollments/instance-info": {"enrollmentProofToken": phone.proof_token},
        "enrollments/push-address": phone.push_address_body("FCM", "somewhere"),
        "auth-attempts/pending": phone.poll_body(),
        "auth-attempts/respond": phone.answer_body(7, "unknown", accepted=True),
    }[path]


# --- operators and the rest ------------------------------------------------------------------------


async def _operators(product: Product) -> None:
    async with await product.operator() as http:
        http.base_url = f"{http.base_url}/api/v1"
        tenant = await _made(http, "/tenants", {"name": f"Tenant {http.headers['Authorization'][-8:]}"})
        await _looked_at(http, "/tenants", tenant, {"description": "Pays"})
        integration = await _made(http, "/integrations", {"tenantId": tenant, "name": "Bank"})
        await _looked_at(http, "/integrations", integration, {"challengeDigits": 4})
        key = await _made(http, "/api-keys", {"integrationId": integration, "label": "Key"})
        await _looked_at(http, "/api-keys", key, {"label": "Other"})
        enrollment = await _made(http, "/enrollments", {"integrationId": integration, "name": "Jane"})
        await _looked_at(http, "/enrollments", enrollment, {"userIdentifier": "jane"})
        operator_key = await _made(http, "/operator-keys", {"label": "Key"})
        await _looked_at(http, "/operator-keys", operator_key, None)
        for verb in ("rotate", "revoke", "revoke"):
            await http.post(f"/api-keys/{key}/{verb}")
        for verb in ("deactivate", "rebind", "revoke", "revoke"):
            await http.post(f"/enrollments/{enrollment}/{verb}")
        phone = await product.enrolled_phone(await product.relying_party())
        for verb in ("deactivate", "reactivate", "unlock"):
            await http.post(f"/enrollments/{phone.enrollment_id}/{verb}")
        for verb in ("rotate-signing-key", "deactivate", "reactivate"):
            await http.post(f"/integrations/{integration}/{verb}")
        for verb in ("deactivate", "reactivate"):
            await http.post(f"/tenants/{tenant}/{verb}")
        await http.post(f"/operator-keys/{operator_key}/revoke")
        for path in ("/auth-attempts", "/auth-attempts/7", "/audit-events", "/tenants?limit=0"):
            await http.get(path)
        party = await product.relying_party()
        created = await party.ask(await product.enrolled_phone(party))
        await http.get(f"/auth-attempts/{created['authAttemptId']}")
        http.headers["Authorization"] = "Bearer wrong"
        await http.get("/tenants")
    await _operators_by_password(product)


async def _operators_by_password(product: Product) -> None:
    email, path = an_email("operator"), "/api/v1/operators"

    async def an_operator(work: Work) -> None:
        await create_operator(work, CreateOperator(email, Secret(PASSWORD)))

    await product.made(an_operator)
    await product.http.post(f"{path}/sign-in", json={"email": email, "password": "wrong"})
    told = await product.http.post(f"{path}/sign-in", json={"email": email, "password": PASSWORD})
    by_token = {"Authorization": f"Bearer {told.json()['token']}"}
    for _ in range(2):
        await product.http.post(f"{path}/sign-out", headers=by_token)


async def _made(http: httpx2.AsyncClient, path: str, body: object) -> int:
    told = (await http.post(path, json=body)).json()
    for member in ("enrollment", "key", "apiKey", "operatorKey"):
        told = told.get(member, told) if isinstance(told.get(member), dict) else told
    made: int = told["id"]
    return made


async def _looked_at(http: httpx2.AsyncClient, path: str, row_id: int, change: object) -> None:
    await http.get(path)
    await http.get(f"{path}/{row_id}")
    await http.get(f"{path}/7")
    if change is not None:
        await http.patch(f"{path}/{row_id}", json=change)
        await http.patch(f"{path}/{row_id}", json={"unknown": 1})


async def _well_known(product: Product) -> None:
    for path in ("/health", "/metrics", "/testing/clock", "/nothing"):
        await product.http.get(path)
    await product.http.post("/testing/clock", json={"advanceSeconds": 1})
    await product.http.post("/testing/clock", json={})
    await product.http.delete("/testing/clock")
    for path in ("/v1/.well-known/jwks.json", "/.well-known/jwks.json"):
        await product.http.get(path)


async def _captured(product: Product) -> None:
    await product.http.get("/testing/outbox?limit=1")
    await product.http.delete("/testing/outbox")
