"""A surface, its dialect and a core without a database: what the kit's tests serve."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Self, cast

from pydantic import Field

from server.base.clock import Clock
from server.base.errors import AttemptNotFound, AttemptStateConflict, EnrollmentBindingFailed, Unavailable
from server.base.principal import Actor, Principal
from server.base.settings import Settings
from server.core.work import Core, Work
from server.db.gathering import Gatherings
from server.db.pool import Connection, Database
from server.db.statements import SingleStatements
from server.db.wakeups import Wakeups
from server.surfaces.kit.body import (
    CamelBody,
    Instant,
    Int32,
    QueryBool,
    QueryFields,
    QueryInt,
    StrictCamelBody,
)
from server.surfaces.kit.dialect import problem_dialect
from server.surfaces.kit.exchange import Exchange, Response, current_exchange
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.limits import BINDS, CREATES, POLLS, UNLIMITED, WAITS, Limiter
from server.surfaces.kit.metrics import Metrics
from server.surfaces.kit.performing import perform, perform_at_once, perform_until
from server.surfaces.kit.reading import header, path_id, preferred_wait_seconds, read, read_query
from server.surfaces.kit.replying import no_content, reply
from server.surfaces.kit.surface import HOT, Guard, Surface
from tests.support.work import some_keys

DIALECT = problem_dialect(
    "example",
    type_base="https://problems.example/",
    types={"route_not_found": "resource-not-found"},
    status_by_code={"enrollment_binding_failed": 422},
    bodiless=frozenset({401}),
    headers={401: (("WWW-Authenticate", 'Basic realm="countersign", charset="UTF-8"'),)},
)
DEVICE_DIALECT = problem_dialect(
    "device", type_base="https://problems.example/device/", bodiless=frozenset({429})
)


# --- a core without a database ----------------------------------------------------------------------


class NoConnection:
    """Stands where a connection would; nothing is sent through it."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """None begins."""
        yield


@dataclass
class NoDatabase:
    """Lends connections that lead nowhere, and counts how many are out."""

    wakeups: Wakeups
    lent: int = 0
    most_lent: int = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[NoConnection]:
        """One is out inside."""
        self.lent += 1
        self.most_lent = max(self.most_lent, self.lent)
        try:
            yield NoConnection()
        finally:
            self.lent -= 1

    def singly(self) -> SingleStatements:
        """Statements that lead nowhere."""
        acquire = cast("Callable[[], AbstractAsyncContextManager[Connection]]", self.acquire)
        return SingleStatements(acquire, Gatherings(acquire))


async def _never_connected() -> Any:  # noqa: ANN401 - there is none
    raise AssertionError("these wake-ups stay in the process")


def core_without_database(settings: Settings) -> Core:
    """A real core whose actions must not touch their connection."""
    database = cast(Database, NoDatabase(Wakeups(_never_connected)))
    return Core(settings, database, some_keys(), Clock())


def database_of(core: Core) -> NoDatabase:
    """Its stand-in."""
    return cast(NoDatabase, core.db)


# --- what can be done -------------------------------------------------------------------------------


@dataclass
class Door:
    """What the tests' waits wait for."""

    open: bool = False
    looks: int = 0
    actors: list[Principal] = field(default_factory=list)
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    finished: bool = False


DOORS: dict[int, Door] = {}


def door(number: int) -> Door:
    return DOORS.setdefault(number, Door())


async def look_at_door(work: Work, number: int) -> bool:
    """Whether the door is open."""
    door(number).looks += 1
    door(number).actors.append(work.actor)
    return door(number).open


async def prove_and_look(work: Work, number: int) -> bool:
    """As `look_at_door`, for a caller that has proved itself to be that number; 13 never can."""
    if number == 13:
        await work.meter.unproved()
        raise EnrollmentBindingFailed
    await work.meter.proved(f"enrollment:{number}")
    return await look_at_door(work, number)


async def work_slowly(_: Work, number: int) -> None:
    """The work is done once the test lets it."""
    door(number).busy.set()
    await door(number).release.wait()
    door(number).finished = True


# --- the surface ------------------------------------------------------------------------------------


class ThingRequest(CamelBody):
    """A thing to be made."""

    thing_id: Int32
    is_big: bool = False
    title: Annotated[str, Field(max_length=10)] | None = None


class ThingResponse(CamelBody):
    """A thing."""

    thing_id: int
    title: str | None = None

    @classmethod
    def of(cls, request: ThingRequest) -> Self:
        """What was asked for."""
        return cls(thing_id=request.thing_id, title=request.title)


class ExactRequest(StrictCamelBody):
    """A thing without anything besides."""

    thing_id: Int32


class WhenResponse(CamelBody):
    """A time, and nothing."""

    omits_nulls = False

    at: Instant
    nothing: str | None = None


class WaitFields(QueryFields):
    """How to wait."""

    timeout_seconds: QueryInt = 1
    is_patient: QueryBool = False


async def _somebody(exchange: Exchange) -> Principal:
    """Whoever the header `x-caller` names."""
    name = exchange.header("x-caller") or ""
    return Principal(
        Actor.INTEGRATION, id=f"key-of-{name}", integration_id=int(name or 0), surface=exchange.surface
    )


async def _anyone(exchange: Exchange) -> Principal:
    return exchange.nobody()


anyone = Guard("anyone", _anyone)
somebody = Guard("somebody", _somebody, security={"type": "http", "scheme": "basic"})

surface = Surface("example", base="/api/v1", mount="examples", dialect=DIALECT, title="Example API")
device = Surface("device", base="/api/v1", mount="examples", dialect=DEVICE_DIALECT, title="Device API")
root = Surface("root", base="", dialect=DIALECT, title="The rest")


@surface.post(
    "/things", guard=anyone, limit=UNLIMITED, lane=HOT, takes=ThingRequest, gives={201: ThingResponse}
)
async def make_thing() -> Response:
    """POST /api/v1/things: a thing is made.

    It is gone at once.
    """
    return reply(ThingResponse.of(await read(ThingRequest)), 201)


@surface.post("/things/exact", guard=anyone, limit=UNLIMITED, takes=ExactRequest, gives={204: None})
async def make_exact_thing() -> Response:
    """POST /api/v1/things/exact: a thing and nothing besides."""
    await read(ExactRequest)
    return no_content()


@surface.get("/things/{id:int32}", guard=anyone, limit=UNLIMITED, lane=HOT, gives={200: ThingResponse})
async def show_thing() -> Response:
    """GET /api/v1/things/{id}: a thing."""
    return reply(ThingResponse(thing_id=path_id(), title=header("X-Title")))


@surface.get("/when", guard=anyone, limit=UNLIMITED, lane=HOT, gives={200: WhenResponse})
async def show_when() -> Response:
    """GET /api/v1/when: the core's time."""
    return reply(WhenResponse(at=current_exchange().core.clock.now()))


@surface.get(
    "/doors/{id:int32}/wait",
    guard=somebody,
    limit=WAITS,
    lane=HOT,
    query=WaitFields,
    gives={200: ThingResponse},
)
async def wait_for_door() -> Response:
    """GET /api/v1/doors/{id}/wait: waits until the door is open."""
    query = read_query(WaitFields)
    is_open = await perform_until(
        look_at_door, path_id(), topics=[f"door:{path_id()}"], wait_seconds=query.timeout_seconds
    )
    return reply(ThingResponse(thing_id=path_id(), title="open" if is_open else "shut"))


@surface.get("/doors/{id:int32}/watch", guard=somebody, limit=UNLIMITED, lane=HOT, gives={200: ThingResponse})
async def watch_door() -> Response:
    """GET /api/v1/doors/{id}/watch: waits for either of two doors, and looks again in any case."""
    is_open = await perform_until(
        look_at_door,
        path_id(),
        topics=[f"door:{path_id()}", "doors"],
        wait_seconds=2,
        until=lambda _: 0.0 if header("x-impatient") else None,
    )
    return reply(ThingResponse(thing_id=path_id(), title="open" if is_open else "shut"))


@surface.post("/doors/{id:int32}/work", guard=anyone, limit=UNLIMITED, lane=HOT, gives={204: None})
async def work_at_door() -> Response:
    """POST /api/v1/doors/{id}/work: work that takes time."""
    await perform(work_slowly, path_id())
    return no_content()


@surface.post("/failures", guard=anyone, limit=UNLIMITED, lane=HOT, gives={204: None})
async def fail() -> Response:
    """POST /api/v1/failures: goes wrong."""
    raise RuntimeError("the secret is 4711")


@surface.post(
    "/refusals/{id:int32}",
    guard=anyone,
    limit=UNLIMITED,
    lane=HOT,
    gives={204: None},
    refuses=(AttemptNotFound,),
)
async def refuse() -> Response:
    """POST /api/v1/refusals/{id}: says no."""
    raise [AttemptNotFound, AttemptStateConflict, EnrollmentBindingFailed, Unavailable][path_id() - 1]


@surface.post("/creations", guard=somebody, limit=CREATES, lane=HOT, gives={204: None})
async def create() -> Response:
    """POST /api/v1/creations: counted by caller."""
    return no_content()


@device.post("/binds", guard=anyone, limit=BINDS, lane=HOT, gives={204: None})
async def bind() -> Response:
    """POST /api/v1/binds: counted by address."""
    return no_content()


@device.post("/polls/{id:int32}", guard=anyone, limit=POLLS, lane=HOT, gives={200: ThingResponse, 204: None})
async def poll() -> Response:
    """POST /api/v1/polls/{id}: counted by what is proved."""
    found = await perform_until(
        prove_and_look, path_id(), topics=[f"door:{path_id()}"], wait_seconds=preferred_wait_seconds(5)
    )
    return reply(ThingResponse(thing_id=path_id())) if found else no_content()


@root.get("/health", guard=anyone, limit=UNLIMITED, gives={200: None})
async def health() -> Response:
    """GET /health: well."""
    await perform_at_once(look_at_door, 1)
    return Response(200, b"well", "text/plain")


SURFACES: Sequence[Surface] = (surface, device, root)


def gateway_of(
    settings: Settings, *, limiter: Limiter | None = None, metrics: Metrics | None = None
) -> Gateway:
    """A gateway with the example surfaces, on a core without a database."""
    metrics = metrics or Metrics()
    core = core_without_database(settings)
    return Gateway(core, SURFACES, settings, limiter or Limiter(settings, metrics), metrics)
