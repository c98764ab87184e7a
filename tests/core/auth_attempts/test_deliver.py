import pytest
from nacl.exceptions import BadSignatureError

from server.base.errors import AttemptBindingFailed
from server.core.auth_attempts.deliver import PendingAttempt
from server.crypto.tokens import is_proof_token
from tests.support.phone import new_proof_token
from tests.support.scene import Scene


def segments(pending: PendingAttempt) -> list[str]:
    """What the integration signed."""
    return [
        pending.proof_token,
        "true" if pending.challenge_required else "false",
        pending.context_title or "",
        pending.context_message or "",
    ]


async def test_e13_nothing_waits(scene: Scene) -> None:
    assert await scene.poll((await scene.enrolled_phone()).poll_body()) is None


async def test_an_empty_poll_writes_nothing(scene: Scene) -> None:
    """Neither a spent token nor a time of last use: polls are most of what the server does."""
    phone = await scene.enrolled_phone()
    before = await scene.state()

    await scene.poll(phone.poll_body())

    assert await scene.state() == before


async def test_e14_what_waits_is_given_and_read(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone, challenge=True, title="Pay", message="50 EUR")

    pending = await scene.fetch(phone)

    assert (pending.id, pending.challenge_required) == (attempt.id, True)
    assert (pending.context_title, pending.context_message) == ("Pay", "50 EUR")
    assert is_proof_token(pending.proof_token)
    row = await scene.attempt(attempt.id)
    assert row["status"] == "READ"
    assert row["read_at"] is not None


@pytest.mark.parametrize("challenge", [False, True])
@pytest.mark.parametrize("title", [None, "Pay"])
@pytest.mark.parametrize("message", [None, "50 EUR | now"])
async def test_e17_what_waits_is_signed(
    scene: Scene, *, challenge: bool, title: str | None, message: str | None
) -> None:
    phone = await scene.enrolled_phone()
    await scene.ask(phone, challenge=challenge, title=title, message=message)

    pending = await scene.fetch(phone)

    phone.checks(pending.signature, *segments(pending))


@pytest.mark.parametrize("changed", range(4))
async def test_e17_a_change_to_any_segment_breaks_the_signature(scene: Scene, changed: int) -> None:
    phone = await scene.enrolled_phone()
    await scene.ask(phone, title="Pay", message="50 EUR")
    pending = await scene.fetch(phone)
    told = segments(pending)
    told[changed] = "true" if changed == 1 else told[changed] + "0"

    with pytest.raises(BadSignatureError):
        phone.checks(pending.signature, *told)


async def test_e14_an_unanswered_attempt_is_given_again_to_a_new_token(scene: Scene) -> None:
    """docs/protocol/wire.md, 0.7: an answer can be lost on its way."""
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone)
    first = await scene.fetch(phone)
    row = await scene.attempt(attempt.id)

    again = await scene.fetch(phone)

    assert again == first
    assert await scene.attempt(attempt.id) == row
    assert await scene.event_names("auth_attempt", attempt.id) == [
        "auth_attempt.created",
        "auth_attempt.read",
        "auth_attempt.read_again",
    ]


async def test_e16_a_token_that_claimed_an_attempt_is_spent_for_ever(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    body = phone.poll_body()
    await scene.ask(phone)
    await scene.poll(body)

    for _ in range(2):
        with pytest.raises(AttemptBindingFailed):
            await scene.poll(body)
        await scene.ask(phone)
    scene.move_clock(days=30)
    await scene.run_job()
    with pytest.raises(AttemptBindingFailed):
        await scene.poll(body)


async def test_e16_a_token_that_was_told_nothing_may_be_used_until_it_is(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    body = phone.poll_body()
    for _ in range(3):
        assert await scene.poll(body) is None
    attempt = await scene.ask(phone)

    pending = await scene.poll(body)

    assert pending is not None
    assert pending.id == attempt.id


async def test_only_the_newest_attempt_is_given(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    await scene.ask(phone)
    newest = await scene.ask(phone)

    assert (await scene.fetch(phone)).id == newest.id


async def test_what_has_ended_is_not_given(scene: Scene) -> None:
    answered, cancelled, late = [await scene.enrolled_phone() for _ in range(3)]
    for phone in (answered, late):
        await scene.ask(phone)
    await scene.answer(answered, await scene.fetch(answered))
    await scene.cancel((await scene.ask(cancelled)).id)
    scene.move_clock(seconds=121)

    for phone in (answered, cancelled, late):
        assert await scene.poll(phone.poll_body()) is None


async def test_anothers_attempt_is_not_given(scene: Scene) -> None:
    phone, other = await scene.enrolled_phone(), await scene.enrolled_phone()
    await scene.ask(other)

    assert await scene.poll(phone.poll_body()) is None


async def test_each_attempt_has_a_token_of_its_own(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    tokens = set()
    for _ in range(5):
        await scene.ask(phone)
        tokens.add((await scene.fetch(phone)).proof_token)

    assert len(tokens) == 5


async def test_reading_leaves_one_event_by_the_device(scene: Scene) -> None:
    phone = await scene.enrolled_phone()
    attempt = await scene.ask(phone)
    token = new_proof_token()

    await scene.poll(phone.poll_body(token))

    created, read = await scene.events_of("auth_attempt", attempt.id)
    assert created["event"] == "auth_attempt.created"
    assert (read["event"], read["result"], read["data"]) == ("auth_attempt.read", "ok", "{}")
    assert (read["actor_kind"], read["actor_id"]) == ("device", str(phone.enrollment_id))
    assert read["organization_id"] == scene.integration.organization_id
