"""What is measured: operations that are really processed, and the echoes beside them."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import cycle

from tests.bench.echo import COLD_PATH, HOT_PATH, QUART_PATH
from tests.bench.fleet import Fleet, approval
from tests.bench.load import Expected, request_bytes

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


ECHOES = (
    Echo("hot", HOT_PATH),
    Echo("cold", COLD_PATH),
    Echo("Quart", QUART_PATH),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """An operation.

    Args:
        name: What the report and the command line call it.
        prepare: Puts the rows into the state that the operation needs, and gives its requests.
        expected: What every answer must be.
        repeats: Whether a request may be sent again; the others are sent once, and the slice ends with them.
    """

    name: str
    prepare: Callable[[Fleet], Awaitable[list[bytes]]]
    expected: Expected
    repeats: bool

    def stream(self, requests: list[bytes]) -> Iterable[bytes]:
        """*requests* for as long as they may be sent."""
        return cycle(requests) if self.repeats else requests


async def _empty_polls(fleet: Fleet) -> list[bytes]:
    await fleet.ask_nobody()
    return fleet.polls()


async def _polls(fleet: Fleet) -> list[bytes]:
    await fleet.ask()
    return fleet.polls()


async def _approvals(fleet: Fleet) -> list[bytes]:
    return [approval(question) for question in await fleet.questions()]


async def _creations(fleet: Fleet) -> list[bytes]:
    return fleet.creations()


SCENARIOS = (
    # A token that found nothing is not spent: the same poll is as good as a new one.
    Scenario("pending-204", _empty_polls, Expected(204), repeats=True),
    Scenario("pending-200", _polls, Expected(200, b'"authAttemptProofToken"'), repeats=False),
    Scenario("respond", _approvals, Expected(200, b'"APPROVED"'), repeats=False),
    # From the second round on each supersedes the one before it.
    Scenario("create", _creations, Expected(201, b'"authAttemptId"'), repeats=True),
)

WAITED = Expected(200, b'"ACCEPTED"')
"""What a relying party that waits is told once its user has approved."""
