"""What is asked again, when, and what comes of it: by a script, and a clock that only we move."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import httpx2
import pytest

from countersign import AuthAttempt, AuthAttemptStatus, Decision
from countersign._conversations import PATIENCE_SECONDS, TRIES, Conversation, Conversations, Pace, Step
from countersign._wire import Answer
from countersign.errors import (
    AttemptNotFoundError,
    ConflictError,
    NoAnswerError,
    RateLimitError,
    ServerError,
    UnavailableError,
)

Result = TypeVar("Result")

CREATED = {
    "authAttemptId": 7,
    "authAttemptChallenge": 482913,
    "timeoutSeconds": 120,
    "expiresAt": "2030-01-01T00:02:00.000000Z",
    "contextTitle": None,
    "contextMessage": None,
}
ATTEMPT = AuthAttempt(
    id=7,
    status=AuthAttemptStatus.PENDING,
    expires_at=datetime(2030, 1, 1, 0, 2, tzinfo=UTC),
    timeout_seconds=120,
)


def answer(status: int, body: object = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, httpx2.Headers(named), b"" if body is None else json.dumps(body).encode())


def attempt(status: str) -> dict[str, object]:
    return {
        "authAttemptId": 7,
        "enrollmentId": 3,
        "authAttemptStatus": status,
        "createdAt": "2030-01-01T00:00:00.000000Z",
        "expiresAt": "2030-01-01T00:02:00.000000Z",
    }


def waited(status: str) -> Answer:
    return answer(200, {"authAttempt": attempt(status), "status": status})


CANCELLED = answer(200, attempt("EXPIRED"))
ENDED_BEFORE = answer(409, {"type": "https://ezkey.io/problems/domain/auth-attempt-state-conflict"})


@dataclass
class Stage:
    """Plays the server's part and moves the clock."""

    now: float = 1000.0
    steps: list[Step] = field(default_factory=list)

    @property
    def targets(self) -> list[str]:
        """What was asked for, below the path of all attempts."""
        return [step.request.target.removeprefix("/api/v1/auth-attempts") for step in self.steps]

    @property
    def pauses(self) -> list[float]:
        """How long before each request nothing was sent."""
        return [step.pause_seconds for step in self.steps]

    def conversations(self, server_wait_seconds: int = 30, chance: float = 0.0) -> Conversations:
        """Conversations by this stage's clock."""
        return Conversations(server_wait_seconds, Pace(now=lambda: self.now, chance=lambda: chance))

    def play(
        self, conversation: Conversation[Result], *script: tuple[float, Answer | NoAnswerError]
    ) -> Result:
        """What *conversation* returns when the server takes so many seconds to answer so."""
        lines = iter(script)
        try:
            step = next(conversation)
            while True:
                self.steps.append(step)
                seconds, line = next(lines, (0.0, None))
                assert line is not None, f"the script ends before {step.request.target}"
                self.now += step.pause_seconds + seconds
                step = conversation.throw(line) if isinstance(line, Exception) else conversation.send(line)
        except StopIteration as end:
            assert next(lines, None) is None, "the script goes on"
            result: Result = end.value
            return result


@pytest.fixture
def stage() -> Stage:
    return Stage()


def lost() -> NoAnswerError:
    return NoAnswerError("connection reset")


PASSING: Mapping[str, Callable[[], Answer | NoAnswerError]] = {
    "lost": lost,
    "429": lambda: answer(429, retry_after="1"),
    "502": lambda: answer(502),
    "503": lambda: answer(503),
    "504": lambda: answer(504),
}


def creation(stage: Stage) -> Conversation[AuthAttempt]:
    return stage.conversations().create(
        user_identifier="jane",
        enrollment_id=None,
        challenge_requested=True,
        context_title=None,
        context_message=None,
        idempotency_key=None,
    )


# --- create --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", PASSING)
def test_a_create_is_sent_again_after_a_passing_failure_with_the_same_key(stage: Stage, failure: str) -> None:
    made = stage.play(creation(stage), (0.1, PASSING[failure]()), (0.1, answer(201, CREATED)))

    assert made.id == 7
    first, second = (step.request for step in stage.steps)
    assert first == second
    assert len(first.headers["Idempotency-Key"]) == 36


def test_two_creates_have_two_keys(stage: Stage) -> None:
    for _ in range(2):
        stage.play(creation(stage), (0.1, answer(201, CREATED)))

    first, second = (step.request.headers["Idempotency-Key"] for step in stage.steps)
    assert first != second


def test_a_create_is_given_up_after_so_many_tries(stage: Stage) -> None:
    with pytest.raises(NoAnswerError):
        stage.play(creation(stage), *[(0.1, lost())] * TRIES)

    assert len(stage.steps) == TRIES


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 301, 200])
def test_a_create_is_not_sent_again_after_any_other_answer(stage: Stage, status: int) -> None:
    with pytest.raises(Exception, match=r"."):
        stage.play(creation(stage), (0.1, answer(status)))

    assert len(stage.steps) == 1


def test_pauses_double_and_no_two_callers_pause_alike(stage: Stage) -> None:
    steadily, hastily = stage.conversations(chance=0.0).pace, stage.conversations(chance=0.999).pace

    assert [steadily.backoff(failures) for failures in (1, 2, 3, 4, 5, 9)] == [0.25, 0.5, 1, 2, 4, 4]
    assert [round(hastily.backoff(failures), 1) for failures in (1, 2, 3, 4, 5, 9)] == [0.5, 1, 2, 4, 8, 8]


def test_a_create_is_put_off_for_as_long_as_the_server_wants(stage: Stage) -> None:
    stage.play(creation(stage), (0.1, answer(429, retry_after="12")), (0.1, answer(201, CREATED)))

    assert stage.pauses == [0, 12]


def test_a_create_is_not_put_off_for_too_long_and_the_caller_is_told_how_long(stage: Stage) -> None:
    with pytest.raises(RateLimitError) as refused:
        stage.play(creation(stage), (0.1, answer(429, retry_after="31")))

    assert refused.value.retry_after == 31


# --- wait ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["ACCEPTED", "REJECTED", "INVALID", "EXPIRED"])
def test_a_wait_ends_when_the_attempt_has(stage: Stage, status: str) -> None:
    seen = stage.play(stage.conversations().wait(7, None), (3, waited(status)))

    assert seen.status == status
    assert stage.targets == ["/7/wait?timeout=30&polling=2"]


def test_a_wait_goes_on_over_as_many_server_waits_as_it_takes(stage: Stage) -> None:
    seen = stage.play(
        stage.conversations().wait(ATTEMPT, None),
        (30, waited("PENDING")),
        (30, waited("READ")),
        (4, waited("ACCEPTED")),
    )

    assert seen.approved
    assert stage.pauses == [0, 0, 0]


def test_a_wait_ends_at_its_deadline_with_the_attempt_as_it_stands(stage: Stage) -> None:
    seen = stage.play(stage.conversations().wait(7, 45), (30, waited("PENDING")), (15, waited("READ")))

    assert seen.status is AuthAttemptStatus.READ
    assert stage.targets == ["/7/wait?timeout=30&polling=2", "/7/wait?timeout=15&polling=2"]


@pytest.mark.parametrize("deadline_seconds", [0, 0.4, 1, 1.3])
def test_the_shortest_wait_is_a_second_and_polls_no_slower(stage: Stage, deadline_seconds: float) -> None:
    stage.play(stage.conversations().wait(7, deadline_seconds), (1, waited("PENDING")))

    assert stage.targets == ["/7/wait?timeout=1&polling=1"]


def test_a_deadline_in_whole_seconds_is_one_wait_though_the_clock_moves_meanwhile(stage: Stage) -> None:
    conversation = stage.conversations().wait(7, 2)
    stage.play(conversation, (2.02, waited("PENDING")))

    assert stage.targets == ["/7/wait?timeout=2&polling=2"]


def test_the_answer_to_a_wait_has_more_time_than_the_wait(stage: Stage) -> None:
    stage.play(stage.conversations(300).wait(7, None), (300, waited("ACCEPTED")))

    assert stage.steps[0].request.read_seconds == 310


def test_a_server_that_answers_early_is_not_asked_again_at_once(stage: Stage) -> None:
    stage.play(
        stage.conversations(chance=0.5).wait(7, None),
        (0.01, waited("PENDING")),
        (0.01, waited("PENDING")),
        (3, waited("ACCEPTED")),
    )

    assert stage.pauses == [0, 1, 1]


@pytest.mark.parametrize("failure", PASSING)
def test_a_wait_outlives_passing_failures(stage: Stage, failure: str) -> None:
    seen = stage.play(
        stage.conversations().wait(7, None),
        (30, waited("PENDING")),
        (2, PASSING[failure]()),
        (0.1, PASSING[failure]()),
        (5, waited("ACCEPTED")),
    )

    assert seen.approved


def test_a_wait_outlives_a_restart_of_the_server(stage: Stage) -> None:
    refused = [(0.0, lost())] * 8
    seen = stage.play(stage.conversations().wait(7, None), *refused, (5, waited("ACCEPTED")))

    assert seen.approved
    assert stage.now - 1000.0 > 20


def test_a_wait_gives_up_when_failures_alone_come_for_too_long(stage: Stage) -> None:
    with pytest.raises(UnavailableError):
        stage.play(stage.conversations().wait(7, None), *[(1.0, answer(503))] * 100)

    assert PATIENCE_SECONDS - 10 < stage.now - 1000.0 < PATIENCE_SECONDS + 10


def test_an_answer_in_between_renews_the_patience(stage: Stage) -> None:
    hard_times = [(1.0, answer(503))] * 10
    quiet = (30.0, waited("PENDING"))

    seen = stage.play(
        stage.conversations().wait(7, None),
        *hard_times,
        quiet,
        *hard_times,
        quiet,
        *hard_times,
        (1, waited("ACCEPTED")),
    )

    assert seen.approved


def test_a_wait_tries_once_more_at_its_deadline_and_then_says_what_is_wrong(stage: Stage) -> None:
    with pytest.raises(NoAnswerError):
        stage.play(stage.conversations().wait(7, 30), (29.8, lost()))
    with pytest.raises(NoAnswerError):
        stage.play(stage.conversations().wait(7, 30), (29.4, lost()), (1.0, lost()))


def test_a_wait_does_not_sleep_past_its_deadline_for_a_limit(stage: Stage) -> None:
    with pytest.raises(RateLimitError) as refused:
        stage.play(stage.conversations().wait(7, 30), (1, answer(429, retry_after="40")))

    assert refused.value.retry_after == 40


def test_an_unknown_attempt_is_not_waited_for(stage: Stage) -> None:
    with pytest.raises(AttemptNotFoundError):
        stage.play(stage.conversations().wait(7, None), (0.1, answer(404)))


# --- cancel --------------------------------------------------------------------------------------------


def test_a_cancelled_attempt_is_returned(stage: Stage) -> None:
    ended = stage.play(stage.conversations().cancel(ATTEMPT), (0.1, CANCELLED))

    assert ended.status is AuthAttemptStatus.EXPIRED
    assert stage.steps[0].request.body is None
    assert stage.targets == ["/7/cancel"]


def test_an_attempt_that_was_answered_first_is_returned_as_it_ended(stage: Stage) -> None:
    ended = stage.play(stage.conversations().cancel(7), (0.1, ENDED_BEFORE), (0.1, waited("ACCEPTED")))

    assert ended.approved
    assert stage.targets == ["/7/cancel", "/7/wait?timeout=1&polling=1"]


def test_a_cancel_whose_answer_was_lost_is_found_done(stage: Stage) -> None:
    ended = stage.play(
        stage.conversations().cancel(7), (0.1, lost()), (0.1, ENDED_BEFORE), (0.1, waited("EXPIRED"))
    )

    assert ended.status is AuthAttemptStatus.EXPIRED


def test_a_conflict_about_an_open_attempt_is_an_error(stage: Stage) -> None:
    with pytest.raises(ConflictError):
        stage.play(stage.conversations().cancel(7), (0.1, ENDED_BEFORE), (1, waited("READ")))


def test_a_withdrawal_is_one_try_whatever_comes_of_it(stage: Stage) -> None:
    for line in (CANCELLED, ENDED_BEFORE, answer(503), lost()):
        stage.play(stage.conversations().withdraw(ATTEMPT), (0.1, line))

    assert stage.targets == ["/7/cancel"] * 4


# --- decide --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        ("ACCEPTED", Decision.APPROVED),
        ("REJECTED", Decision.DENIED),
        ("INVALID", Decision.INVALID),
        ("EXPIRED", Decision.EXPIRED),
    ],
)
def test_the_phone_decides(stage: Stage, status: str, decision: Decision) -> None:
    outcome = stage.play(stage.conversations().decide(ATTEMPT, 60), (9, waited(status)))

    assert outcome.decision is decision


def test_past_the_deadline_the_attempt_is_cancelled(stage: Stage) -> None:
    outcome = stage.play(stage.conversations().decide(ATTEMPT, 20), (20, waited("READ")), (0.1, CANCELLED))

    assert outcome.decision is Decision.TIMED_OUT
    assert not outcome


def test_an_answer_that_overtakes_the_cancel_counts(stage: Stage) -> None:
    outcome = stage.play(
        stage.conversations().decide(ATTEMPT, 20),
        (20, waited("READ")),
        (0.1, ENDED_BEFORE),
        (0.1, waited("ACCEPTED")),
    )

    assert outcome.decision is Decision.APPROVED


def test_a_wait_that_breaks_at_the_deadline_is_settled_by_the_cancel(stage: Stage) -> None:
    outcome = stage.play(
        stage.conversations().decide(ATTEMPT, 20),
        (19.9, lost()),
        (0.1, ENDED_BEFORE),
        (0.1, waited("ACCEPTED")),
    )

    assert outcome.decision is Decision.APPROVED


def test_when_nobody_can_be_asked_there_is_no_outcome(stage: Stage) -> None:
    with pytest.raises(NoAnswerError):
        stage.play(stage.conversations().decide(ATTEMPT, 20), *[(19.9, lost())] * (1 + TRIES))


def test_a_failure_before_the_deadline_is_not_taken_for_a_timeout(stage: Stage) -> None:
    with pytest.raises(UnavailableError):
        stage.play(stage.conversations().decide(ATTEMPT, 500), *[(1.0, answer(503))] * 100)
    with pytest.raises(ServerError):
        stage.play(stage.conversations().decide(ATTEMPT, 20), (20.0, answer(500)))


def test_without_a_deadline_the_attempts_own_lifetime_and_a_little_more_is_waited(stage: Stage) -> None:
    outcome = stage.play(
        stage.conversations().decide(ATTEMPT, None), *[(30, waited("READ"))] * 5, (0.1, CANCELLED)
    )

    assert outcome.decision is Decision.TIMED_OUT
    assert stage.now - 1000.0 == pytest.approx(150.1)
