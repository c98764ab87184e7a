"""Two documents that claim the same path, one of which a browser may call; and what people see."""

from typing import Annotated

from pydantic import Field

from server.base.errors import TooManyAttempts
from server.base.principal import Actor, Principal
from server.base.settings import Settings
from server.core.work import Work
from server.surfaces.kit.body import (
    Day,
    Email,
    GivenInstant,
    Phone,
    QueryInt,
    SnakeAnswer,
    SnakeBody,
    SnakeQuery,
    Url,
)
from server.surfaces.kit.cors import Cors
from server.surfaces.kit.cursors import cursor_of, place_of
from server.surfaces.kit.exchange import Exchange, Response
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.limits import PAGES, PROJECT, UNLIMITED, Limiter
from server.surfaces.kit.metrics import Metrics
from server.surfaces.kit.protekt import DIALECT as NESTED
from server.surfaces.kit.protekt import MARK
from server.surfaces.kit.reading import path_id, path_text, read, read_form, read_query
from server.surfaces.kit.replying import no_content, page, redirect, reply
from server.surfaces.kit.surface import HOT, Guard, Surface
from tests.surfaces.kit.example import DIALECT, anyone, core_without_database

ALLOWED = "https://app.example"
OTHERS = "https://other.example"


async def is_allowed(_: Work, origin: str) -> bool:
    """Whether anybody allows the origin."""
    return origin in (ALLOWED, OTHERS)


async def _keyed(exchange: Exchange) -> Principal:
    """Whoever sends a key; its owner allows one origin."""
    exchange.allowed_origins = (ALLOWED,)
    return Principal(Actor.PROJECT, id=exchange.header("x-protekt-key") or "", surface=exchange.surface)


keyed = Guard("keyed", _keyed, security={"type": "apiKey", "in": "header", "name": "X-Protekt-Key"})

marked = Surface(
    "marked",
    base="/v1",
    mount="marked",
    dialect=NESTED,
    title="With a mark",
    mark=MARK,
    cors=Cors(is_allowed, headers=("X-Protekt-Key", "Content-Type"), exposed=("X-Request-Id",)),
)
plain = Surface("plain", base="/v1", dialect=DIALECT, title="Without a mark")
pages = Surface("pages", base="", dialect=DIALECT, title="For people", everywhere=True)


class Told(SnakeAnswer):
    """What was said."""

    told: str | None


class Given(SnakeBody):
    """Everything that can be said."""

    e_mail: Email | None = None
    phone: Phone | None = None
    url: Url | None = None
    day: Day | None = None
    at: GivenInstant | None = None


class Asked(SnakeQuery):
    """What can be asked."""

    first_day: Day | None = None
    limit: QueryInt = 20
    cursor: str | None = None


class Sent(SnakeQuery):
    """What a form says."""

    response: Annotated[str, Field(alias="SAMLResponse", max_length=20)]
    state: str = ""


@marked.post("/login", guard=keyed, limit=PROJECT, gives={204: None}, marked=True)
async def log_in() -> Response:
    """POST /v1/login: as one document has it."""
    return no_content()


@marked.get("/login", guard=keyed, limit=UNLIMITED, gives={204: None})
async def look_at_log_in() -> Response:
    """GET /v1/login: as one document has it."""
    return no_content()


@plain.post("/login", guard=anyone, limit=UNLIMITED, gives={204: None})
async def log_in_too() -> Response:
    """POST /v1/login: as the other has it."""
    return no_content()


@plain.get("/polls", guard=anyone, limit=UNLIMITED, gives={204: None}, lane=HOT)
async def poll() -> Response:
    """GET /v1/polls: hot."""
    return no_content()


@marked.get("/users/{id:text}", guard=keyed, limit=UNLIMITED, gives={200: Told}, lane=HOT)
async def show_user() -> Response:
    """GET /v1/users/{id}: hot, and scripts may read it."""
    return reply(Told(told=path_text()))


@plain.get("/polls/{name:text}/of/{id:int32}", guard=anyone, limit=UNLIMITED, gives={200: Told}, lane=HOT)
async def poll_one() -> Response:
    """GET /v1/polls/{name}/of/{id}: hot, with parameters of both kinds."""
    return reply(Told(told=f"{path_text('name')} {path_id()}"))


@marked.post("/things", guard=keyed, limit=UNLIMITED, takes=Given, gives={200: Told})
async def make_thing() -> Response:
    """POST /v1/things: what was given."""
    given = await read(Given)
    return reply(Told(told=given.model_dump_json(exclude_none=True)))


@marked.get("/things", guard=keyed, limit=UNLIMITED, query=Asked, gives={200: Told})
async def list_things() -> Response:
    """GET /v1/things: where the list goes on."""
    asked = read_query(Asked)
    place = place_of(asked.cursor, "things:1")
    return reply(Told(told=cursor_of((place or 0) + asked.limit, "things:1")))


@marked.get("/others", guard=keyed, limit=UNLIMITED, query=Asked, gives={200: Told})
async def list_others() -> Response:
    """GET /v1/others: another list."""
    place_of(read_query(Asked).cursor, "others:1")
    return reply(Told(told=None))


@marked.post("/tries", guard=keyed, limit=UNLIMITED, gives={204: None}, refuses=(TooManyAttempts,))
async def try_again() -> Response:
    """POST /v1/tries: too often."""
    raise TooManyAttempts(3, 90)


@pages.get("/page", guard=anyone, limit=PAGES, gives={200: None})
async def show_page() -> Response:
    """GET /page: a page."""
    return page("<!doctype html><style>p{}</style><p>ä", style="p{}", form_action=(ALLOWED,))


@pages.get("/bare", guard=anyone, limit=UNLIMITED, gives={200: None})
async def show_bare_page() -> Response:
    """GET /bare: a page without anything."""
    return page("<!doctype html><p>No", status=404)


@pages.post("/page", guard=anyone, limit=UNLIMITED, form=Sent, gives={303: None})
async def take_form() -> Response:
    """POST /page: elsewhere with what was sent."""
    sent = await read_form(Sent)
    return redirect(f"{ALLOWED}/?{sent.response}={sent.state}", 303)


def claimants_gateway(settings: Settings) -> Gateway:
    """A gateway with these surfaces, on a core without a database."""
    metrics = Metrics()
    core = core_without_database(settings)
    return Gateway(core, (marked, plain, pages), settings, Limiter(settings, metrics), metrics)
