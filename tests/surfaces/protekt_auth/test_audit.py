"""X13: each change, and each refused proof, leaves a record: where, by whom, of what, with what result."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from server.surfaces import protekt_auth
from tests.support.accounts import PASSWORD, an_email
from tests.support.backend import Authenticator, Backend, Somebody, signed_in
from tests.support.product import Product
from tests.surfaces.protekt_auth.test_otp import a_phone_number

NEW = "a quite different sentence"
WRONG = "surely not the password"

Record = dict[str, Any]


@dataclass
class Scene:
    """An application, somebody in it, and whatever must be in no record."""

    app: Backend
    jane: Somebody
    phone: str
    said: list[str] = field(default_factory=list)
    answer: httpx2.Response = field(init=False)

    async def token_in_mail(self, path: str) -> str:
        """The token of the link that the call sends."""
        await self.app.post(path, email=self.jane.email)
        token = (await self.app.letter(self.jane.email)).link_token
        self.said.append(token)
        return token

    async def with_totp(self) -> Authenticator:
        """She has an authenticator app."""
        authenticator = await self.app.with_totp(self.jane)
        self.said.append(authenticator.uri)
        return authenticator

    async def records(self) -> dict[object, Record]:
        """The realm's records by their ids."""
        async with self.app.product.core.db.acquire() as conn:
            rows = await conn.fetch(
                "SELECT * FROM audit_events WHERE realm_id = $1", self.app.project.realm_id
            )
        return {row["id"]: dict(row) for row in rows}

    async def records_of(self, call: Callable[[], Awaitable[httpx2.Response]]) -> list[Record]:
        """What the call leaves. Each says where, who and of what, and nothing that only some may know."""
        before = await self.records()
        self.answer = await call()
        left = [record for key, record in (await self.records()).items() if key not in before]
        for record in left:
            assert record["surface"] == "protekt_auth"
            assert record["actor_kind"] in {"project", "user"}
            assert all(record[part] for part in ("actor_id", "target_kind", "target_id"))
            assert all(record[part] for part in ("request_id", "address"))
            text = json.dumps(record, default=str)
            assert [said for said in self.said if said in text] == []
        return left


@pytest.fixture
async def scene(app: Backend) -> Scene:
    jane, phone = await app.somebody(metadata={"note": "a secret of the application's"}), a_phone_number()
    said = [jane.email, phone, PASSWORD, NEW, WRONG, app.key, "a secret of the application's"]
    return Scene(app, jane, phone, [*said, jane.access_token, jane.refresh_token])


Deed = Callable[[Scene], Awaitable[Callable[[], Awaitable[httpx2.Response]]]]
DEEDS: dict[str, tuple[Deed, set[str]]] = {}
"""By operation: what makes ready and gives the call, and the events of it that there must be."""


def deed(operation: str, *events: str) -> Callable[[Deed], Deed]:
    """The decorated function makes *operation* ready and gives the call."""

    def add(made: Deed) -> Deed:
        DEEDS[operation] = (made, set(events))
        return made

    return add


@deed("POST /v1/auth/signup", "principal.registered", "session.opened", "sign_in.finished")
async def _signup(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    email = an_email()
    scene.said.append(email)
    return lambda: scene.app.post("signup", email=email, password=PASSWORD)


@deed("POST /v1/auth/login", "session.opened", "sign_in.finished")
async def _login(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.log_in(scene.jane)


@deed("POST /v1/auth/logout", "session.ended")
async def _logout(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.post("logout", bearer=scene.jane.access_token)


@deed("POST /v1/auth/token/refresh", "session.refreshed")
async def _refresh(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.post("token/refresh", refresh_token=scene.jane.refresh_token)


@deed("POST /v1/auth/token/revoke", "session.token_revoked")
async def _revoke(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.call("POST", "token/revoke", {"token": scene.jane.access_token})


@deed("POST /v1/auth/password/reset", "password.reset_requested")
async def _reset(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.post("password/reset", email=scene.jane.email)


@deed("POST /v1/auth/password/confirm", "password.reset", "session.ended")
async def _confirm(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    token = await scene.token_in_mail("password/reset")
    return lambda: scene.app.post("password/confirm", reset_token=token, new_password=NEW)


@deed("POST /v1/auth/password/change", "principal.password_changed")
async def _change(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.post(
        "password/change", bearer=scene.jane.access_token, current_password=PASSWORD, new_password=NEW
    )


@deed("POST /v1/auth/otp/send", "sign_in.requested")
async def _send_otp(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.post("otp/send", phone=scene.phone)


@deed("POST /v1/auth/otp/verify", "principal.registered", "session.opened", "sign_in.finished")
async def _verify_otp(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    await scene.app.post("otp/send", phone=scene.phone)
    code = (await scene.app.letter(scene.phone)).code
    scene.said.append(code)
    return lambda: scene.app.post("otp/verify", phone=scene.phone, otp=code)


@deed("POST /v1/auth/magic-link/send", "sign_in.requested")
async def _send_link(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.post("magic-link/send", email=scene.jane.email)


@deed("POST /v1/auth/magic-link/verify", "session.opened", "sign_in.finished")
async def _verify_link(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    token = await scene.token_in_mail("magic-link/send")
    return lambda: scene.app.call("POST", "magic-link/verify", {"token": token})


@deed("POST /v1/auth/mfa/enroll", "factor.begun")
async def _enroll(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.post("mfa/enroll", bearer=scene.jane.access_token, method="totp")


@deed("POST /v1/auth/mfa/verify", "session.opened", "sign_in.finished")
async def _verify_mfa(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    authenticator = await scene.with_totp()
    mfa_token, code = await scene.app.challenged(scene.jane), authenticator.next_code()
    scene.said += [mfa_token, code]
    return lambda: scene.app.post("mfa/verify", mfa_token=mfa_token, code=code)


@deed("DELETE /v1/auth/mfa/unenroll", "factor.removed")
async def _unenroll(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    authenticator = await scene.with_totp()
    answer = await scene.app.post(
        "mfa/verify", mfa_token=await scene.app.challenged(scene.jane), code=authenticator.next_code()
    )
    token = signed_in(answer, scene.jane.email).access_token
    return lambda: scene.app.call("DELETE", "mfa/unenroll", {"method": "totp"}, token=token)


@deed("PATCH /v1/auth/users/{id}", "principal.changed")
async def _patch(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    email = an_email()
    scene.said += [email, "another secret"]
    body = {"email": email, "metadata": {"note": "another secret"}}
    return lambda: scene.app.call("PATCH", f"users/{scene.jane.id}", body)


@deed("DELETE /v1/auth/users/{id}", "principal.deleted")
async def _delete(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.call("DELETE", f"users/{scene.jane.id}")


@deed("DELETE /v1/auth/sessions", "session.ended")
async def _end_all(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.call("DELETE", "sessions", token=scene.jane.access_token)


@deed("DELETE /v1/auth/sessions/{id}", "session.ended")
async def _end_one(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    path = f"sessions/{scene.jane.claims['sid']}"
    return lambda: scene.app.call("DELETE", path, token=scene.jane.access_token)


async def _wrong_password(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    return lambda: scene.app.log_in(scene.jane, WRONG)


async def _wrong_code(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    authenticator = await scene.with_totp()
    mfa_token = await scene.app.challenged(scene.jane)
    scene.said += [mfa_token, authenticator.wrong_code()]
    return lambda: scene.app.post("mfa/verify", mfa_token=mfa_token, code=authenticator.wrong_code())


async def _reused_refresh_token(scene: Scene) -> Callable[[], Awaitable[httpx2.Response]]:
    await scene.app.post("token/refresh", refresh_token=scene.jane.refresh_token)
    return lambda: scene.app.post("token/refresh", refresh_token=scene.jane.refresh_token)


def test_x13_every_operation_that_changes_something_is_asked() -> None:
    reading = {"POST /v1/auth/token/verify", "POST /v1/auth/sso/callback"}  # the latter in test_sso
    operations = {f"{route.method} {route.template}" for route in protekt_auth.surface.routes}

    assert {name for name in operations if not name.startswith("GET")} == DEEDS.keys() | reading


@pytest.mark.parametrize("operation", DEEDS)
async def test_x13_each_change_leaves_a_record(scene: Scene, operation: str) -> None:
    make_ready, expected = DEEDS[operation]

    records = await scene.records_of(await make_ready(scene))

    assert scene.answer.status_code in {200, 201}, scene.answer.text
    assert {record["event"] for record in records} >= expected
    assert {record["result"] for record in records} == {"ok"}


@pytest.mark.parametrize("refused", [_wrong_password, _wrong_code, _reused_refresh_token])
async def test_x13_each_refused_proof_leaves_a_record(scene: Scene, refused: Deed) -> None:
    records = await scene.records_of(await refused(scene))

    assert scene.answer.status_code in {400, 401}
    assert "refused" in {record["result"] for record in records}


async def test_x13_what_a_page_does_is_the_pages(app: Backend, product: Product) -> None:
    jane = await app.somebody(send_verification=True)
    token = (await app.letter(jane.email)).link_token

    await product.http.post("/links/verify-email", data={"token": token})

    async with product.core.db.acquire() as conn:
        rows = await conn.fetch(
            "SELECT * FROM audit_events WHERE realm_id = $1 AND surface = 'links'", app.project.realm_id
        )
    assert [(row["event"], row["actor_kind"]) for row in rows] == [("principal.email_confirmed", "anyone")]
