"""Whether the time of an answer tells who exists, who is locked, or whose password was right."""

import random
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import uvloop

from tests.bench.alike import Comparison, Quartiles
from tests.bench.connections import ask, connections_to
from tests.bench.cpu import Usage
from tests.bench.figures import Detail, Outcome
from tests.bench.instance import Ground, Running, ground, running
from tests.bench.load import undisturbed
from tests.bench.options import Options, Tell
from tests.bench.people import PASSWORD, REFUSED, WRONG_PASSWORD, People
from tests.bench.wire import Expected

WARM_UP_TRIES = 20
SENT = Expected(200, b'"message"')

Requests = Mapping[str, Sequence[bytes]]
Durations = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about different kinds of people, and answered alike.

    Args:
        name: What the report calls it.
        requests: By the kind of people; with the first kind the others are compared.
        expected: Every answer.
    """

    name: str
    requests: Requests
    expected: Expected


def measure_sign_in_timing(options: Options, tell: Tell) -> Outcome:
    """`options.tries` questions of each kind, in random order, one at a time, each about somebody else.

    Raises:
        WrongAnswer: Somebody was answered another way than the others.
    """
    with ground(durable=options.durable) as prepared, running(prepared, options.log) as server:
        measured, others_share = uvloop.run(_measure(options, tell, prepared, server))
    return Outcome(
        details=[_detail(name, durations) for name, durations in measured.items()],
        raw={name: _raw(durations) for name, durations in measured.items()},
        others_share=others_share,
    )


async def _measure(
    options: Options, tell: Tell, prepared: Ground, server: Running
) -> tuple[Mapping[str, Durations], float | None]:
    each = options.tries + WARM_UP_TRIES
    async with People.registered(prepared.settings, prepared.database_url, each) as people:
        questions = [await _sign_ins(people, each), _resets(people, each)]
        await people.conn.execute("VACUUM ANALYZE")
        with connections_to(server.address, 1) as (connection,):
            measured = {}
            before = Usage.until_now(server.process, server.database_process)
            for question in questions:
                tell(question.name)
                _durations(connection, question, slice(WARM_UP_TRIES))
                measured[question.name] = _durations(connection, question, slice(WARM_UP_TRIES, None))
            after = Usage.until_now(server.process, server.database_process)
    return measured, after.others_share(before)


async def _sign_ins(people: People, each: int) -> Question:
    locked = await people.more(2 * each, locked_at=datetime.now(UTC), lock_reason="password")
    without = await people.more(each, password_hash=None)
    wrong, right = locked[:each], locked[each:]
    return Question(
        "a refused sign-in",
        {
            "wrong password": [people.sign_in(person.email, WRONG_PASSWORD) for person in people.all],
            "unknown address": [people.sign_in(address, WRONG_PASSWORD) for address in _strangers(each)],
            "no password set": [people.sign_in(person.email, WRONG_PASSWORD) for person in without],
            "locked, wrong password": [people.sign_in(person.email, WRONG_PASSWORD) for person in wrong],
            "locked, right password": [people.sign_in(person.email, PASSWORD) for person in right],
        },
        REFUSED,
    )


def _resets(people: People, each: int) -> Question:
    return Question(
        "a link to reset a password",
        {
            "known address": [people.resetting(person.email) for person in people.all],
            "unknown address": [people.resetting(address) for address in _strangers(each)],
        },
        SENT,
    )


def _strangers(count: int) -> list[str]:
    """Addresses of nobody, as long as those of people."""
    return [f"person-00000000-0000-4000-8000-{number:012d}@example.org" for number in range(count)]


def _durations(connection: socket.socket, question: Question, part: slice) -> Durations:
    order = [(kind, request) for kind, requests in question.requests.items() for request in requests[part]]
    random.shuffle(order)
    durations: dict[str, list[float]] = {kind: [] for kind in question.requests}
    with undisturbed():
        for kind, request in order:
            began = perf_counter()
            answer = ask(connection, request)
            question.expected.check(answer)
            durations[kind].append(answer.at - began)
    return durations


def _detail(name: str, durations: Durations) -> Detail:
    beside, *others = durations
    base = Quartiles.of(durations[beside])
    rows = [[beside, *_times(base), "", "", ""]]
    for kind in others:
        its = Quartiles.of(durations[kind])
        compared = Comparison.of(durations[kind], durations[beside])
        rows.append(
            [
                kind,
                *_times(its),
                f"{its.overlap(base):.0%}",
                f"{compared.greater:.1%}",
                f"{compared.chance:.3f}",
            ]
        )
    return Detail(
        f"The time of {name}, in milliseconds",
        ("", "quarter", "median", "three quarters", "overlap", "longer", "chance"),
        rows,
        f"{len(durations[beside])} of each, in random order, against {beside}. Overlap: of the ranges "
        "between the quartiles. Longer: how probable it is that one takes longer; 50 %: nothing to learn. "
        "Chance: how probable such a difference is where there is none (Mann-Whitney).",
    )


def _raw(durations: Durations) -> dict[str, object]:
    beside = next(iter(durations))
    raw = {}
    for kind, seconds in durations.items():
        its, compared = Quartiles.of(seconds), Comparison.of(seconds, durations[beside])
        raw[kind] = {
            "quartiles_ms": [its.lower, its.median, its.upper],
            "longer": compared.greater,
            "chance": compared.chance,
            "ms": [each * 1000 for each in seconds],
        }
    return dict(raw)


def _times(quartiles: Quartiles) -> list[str]:
    return [f"{quartiles.lower:.2f}", f"{quartiles.median:.2f}", f"{quartiles.upper:.2f}"]
