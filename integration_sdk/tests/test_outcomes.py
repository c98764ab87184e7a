"""What is a yes, and that nothing else is."""

import pickle
from datetime import UTC, datetime

import pytest

from countersign import AuthAttempt, AuthAttemptStatus, Decision, Outcome


def attempt(status: AuthAttemptStatus) -> AuthAttempt:
    return AuthAttempt(
        id=7,
        status=status,
        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
        timeout_seconds=120,
        challenge=482913,
        context_title="Payment",
        context_message="40 € to Bob",
    )


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        (AuthAttemptStatus.ACCEPTED, Decision.APPROVED),
        (AuthAttemptStatus.REJECTED, Decision.DENIED),
        (AuthAttemptStatus.INVALID, Decision.INVALID),
        (AuthAttemptStatus.EXPIRED, Decision.EXPIRED),
    ],
)
def test_every_end_of_an_attempt_has_its_decision(status: AuthAttemptStatus, decision: Decision) -> None:
    assert Outcome.of(attempt(status)).decision is decision


@pytest.mark.parametrize("status", [AuthAttemptStatus.PENDING, AuthAttemptStatus.READ])
def test_an_open_attempt_has_no_outcome(status: AuthAttemptStatus) -> None:
    assert not attempt(status).ended
    with pytest.raises(KeyError):
        Outcome.of(attempt(status))


@pytest.mark.parametrize("decision", Decision)
def test_an_outcome_is_true_exactly_if_it_is_an_approval(decision: Decision) -> None:
    outcome = Outcome(decision, attempt(AuthAttemptStatus.EXPIRED))

    assert bool(outcome) is outcome.approved is (decision is Decision.APPROVED)


def test_an_attempt_is_approved_only_when_it_was_accepted() -> None:
    assert [status for status in AuthAttemptStatus if attempt(status).approved] == [
        AuthAttemptStatus.ACCEPTED
    ]


def test_the_text_of_an_outcome_shows_neither_number_nor_texts() -> None:
    text = repr(Outcome.of(attempt(AuthAttemptStatus.ACCEPTED)))

    assert "482913" not in text
    assert "Payment" not in text
    assert "Bob" not in text


def test_an_outcome_travels_between_processes() -> None:
    outcome = Outcome.of(attempt(AuthAttemptStatus.REJECTED))

    assert pickle.loads(pickle.dumps(outcome)) == outcome  # noqa: S301 - our own bytes
