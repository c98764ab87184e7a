"""What is measured: operations that are really processed, and the echoes beside them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.bench.echo import COLD_PATH, HOT_PATH, QUART_PATH
from tests.bench.fleet import Fleet, approval, poll
from tests.bench.wire import Expected, request_bytes

# A body of the size of a poll's.
ECHOED = b'{"text":"' + b"x" * 250 + b'"}'


@dataclass(frozen=True, slots=True)
class Echo:
    """A trivial route.

    Args:
        name: What the report calls it: through the kit's hot lane, through its cold one, or Quart alone.
    """

    name: str
    path: str

    @property
    def request(self) -> bytes:
        """Always the same."""
        return request_bytes("POST", self.path, ECHOED)

    @property
    def expected(self) -> Expected:
        """What was sent."""
        return Expected(200, b"x" * 250)


QUART = Echo("Quart", QUART_PATH)
KIT_ECHOES = (Echo("hot", HOT_PATH), Echo("cold", COLD_PATH))


@dataclass(frozen=True, slots=True)
class Scenario:
    """An operation.

    Args:
        name: What the report and the command line call it.
        prepare: Puts the rows into the state that the operation needs, and gives so many of its requests,
            or as many as there are phones: each is another phone's, and new.
        expected: What every answer must be.
        signed: Whether phones sign, so that a server that is warm has seen each of their keys.
    """

    name: str
    prepare: Callable[[Fleet, int], Awaitable[Sequence[bytes]]]
    expected: Expected
    signed: bool


async def _empty_polls(fleet: Fleet, count: int) -> Sequence[bytes]:
    await fleet.ask_nobody()
    return [poll(phone) for phone in fleet.next_phones(count)]


async def _polls(fleet: Fleet, count: int) -> Sequence[bytes]:
    return [poll(question.phone) for question in await fleet.questions(count, read=False)]


async def _approvals(fleet: Fleet, count: int) -> Sequence[bytes]:
    return [approval(question) for question in await fleet.questions(count, read=True)]


async def _creations(fleet: Fleet, count: int) -> Sequence[bytes]:
    # None supersedes another.
    await fleet.ask_nobody()
    return [fleet.creation(phone) for phone in fleet.next_phones(min(count, len(fleet.phones)))]


NOTHING = Expected(204)
FOUND = Expected(200, b'"authAttemptProofToken"')
APPROVED = Expected(200, b'"APPROVED"')
CREATED = Expected(201, b'"authAttemptId"')
WAITED = Expected(200, b'"ACCEPTED"')
"""What a relying party that waits is told once its user has approved."""

EMPTY_POLL = Scenario("pending-204", _empty_polls, NOTHING, signed=True)
SCENARIOS = (
    EMPTY_POLL,
    Scenario("pending-200", _polls, FOUND, signed=True),
    Scenario("respond", _approvals, APPROVED, signed=True),
    Scenario("create", _creations, CREATED, signed=False),
)
