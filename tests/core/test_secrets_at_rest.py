"""X09: a dump of the database holds nothing that was ever shown as a secret."""

from base64 import b64encode
from collections.abc import AsyncIterator

import pytest

from server.core.api_keys.administration import RotateApiKey, rotate_api_key
from server.core.enrollments.lifecycle import RebindEnrollment, rebind_enrollment
from server.core.integrations.actions import RotateSigningKey, rotate_signing_key
from server.core.integrations.model import signing_key_purpose
from server.db.pool import Database
from tests.support.dump import dump, holding, holding_number
from tests.support.factories import an_api_key, an_operator_key
from tests.support.phone import new_proof_token
from tests.support.scene import Scene
from tests.support.work import a_core, some_keys


@pytest.fixture
async def scene(fresh_database_url: str) -> AsyncIterator[Scene]:
    """A relying party on a database in which nothing else ever was."""
    db = await Database.open(fresh_database_url, connections=2, application_name="secrets")
    yield await Scene.on(a_core(db))
    await db.close()


async def test_x09_a_dump_shows_no_secret(scene: Scene) -> None:
    texts: dict[str, str] = {}
    numbers: dict[str, int] = {}

    key = await scene.made(an_api_key, integration=scene.integration)
    texts["API secret"] = key.secret.reveal()
    rotated = await scene.made(rotate_api_key, command=RotateApiKey(key.key.id))
    texts["rotated API secret"] = rotated.secret.reveal()
    texts["operator key"] = (await scene.made(an_operator_key)).secret.reveal()
    await scene.made(rotate_signing_key, command=RotateSigningKey(scene.integration.id))

    invited = await scene.invited_phone()
    texts["proof token of an invitation"], numbers["its challenge"] = invited.proof_token, invited.challenge
    phone = await scene.enrolled_phone()
    texts["proof token of an enrollment"], numbers["its former challenge"] = (
        phone.proof_token,
        phone.challenge,
    )
    texts["push address"] = "fcm-registration-of-a-phone"
    await scene.register(phone.push_address_body("FCM", texts["push address"]))
    texts["Idempotency-Key"] = "order-4711-of-jane"
    answered = await scene.ask(phone, challenge=True, idempotency_key=texts["Idempotency-Key"])
    texts["device proof token"] = new_proof_token()
    pending = await scene.poll(phone.poll_body(texts["device proof token"]))
    assert pending is not None
    texts["proof token of an answered attempt"] = pending.proof_token
    await scene.answer(phone, pending, challenge=answered.challenge)
    waiting = await scene.ask(phone, challenge=True)
    texts["proof token of an open attempt"] = (await scene.fetch(phone)).proof_token
    rebound = await scene.enrolled_phone()
    again = await scene.made(rebind_enrollment, command=RebindEnrollment(rebound.enrollment_id))
    texts["new proof token"] = again.proof_token.reveal()
    numbers["new challenge"] = int(again.challenge.reveal())
    for attempt, name in ((answered, "answered"), (waiting, "open")):
        assert attempt.challenge is not None
        numbers[f"challenge of an {name} attempt"] = attempt.challenge

    seeds = {
        f"signing key {row['id']}": scene.core.keys.open(
            row["private_key_sealed"], signing_key_purpose(row["id"])
        )
        for row in (await scene.state())["integration_signing_keys"]
    }
    assert len(seeds) == 2
    seeds["master key"] = bytes(range(32))
    assert some_keys().current_id == scene.core.keys.current_id

    cells = await dump(scene.core)

    assert {cell.table for cell in cells} >= {
        "api_keys",
        "operator_keys",
        "enrollments",
        "auth_attempts",
        "integration_signing_keys",
        "spent_device_proofs",
        "idempotency_keys",
        "audit_events",
    }
    found = {name: holding(cells, text.encode()) for name, text in texts.items()}
    found |= {name: holding(cells, seed) for name, seed in seeds.items()}
    found |= {name: holding_number(cells, number) for name, number in numbers.items()}
    assert {name: columns for name, columns in found.items() if columns} == {}


async def test_a_secret_that_was_written_would_be_found(scene: Scene) -> None:
    """The search itself works: as text, as bytes, in Base64, in hexadecimal, and as a number."""
    phone = await scene.invited_phone(name=f"number {987_654}", user_identifier=b64encode(b"a seed").decode())
    async with scene.core.db.acquire() as conn:
        await conn.execute(
            "UPDATE enrollments SET proof_token_sealed = $2 WHERE id = $1",
            phone.enrollment_id,
            b"...a token...",
        )
    cells = await dump(scene.core)

    assert holding(cells, b"a seed") == ["enrollments.user_identifier"]
    assert holding(cells, b"a token") == ["enrollments.proof_token_sealed"]
    assert holding_number(cells, 987_654) == ["enrollments.name"]
