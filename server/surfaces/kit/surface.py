"""A surface: one HTTP API as a list of routes, each with its guard and its limit."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NotRequired, TypedDict, Unpack

from server.base.errors import AppError
from server.base.principal import Actor, Principal
from server.surfaces.kit.body import Body, Query
from server.surfaces.kit.cors import Cors
from server.surfaces.kit.dialect import Dialect
from server.surfaces.kit.exchange import Exchange, Response
from server.surfaces.kit.limits import Limit
from server.surfaces.kit.path_parameters import KINDS

Handler = Callable[[], Awaitable[Response]]
Check = Callable[[Exchange], Awaitable[Principal]]
Given = type[Body] | tuple[type[Body], ...] | None
Lapsed = Mapping[Actor, Mapping[type[AppError], type[AppError]]]

_PARAMETER = re.compile(rf"\{{([a-z_]+):({'|'.join(KINDS)})\}}")
_LITERAL = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class Mark:
    """What the callers of a surface carry, at paths that other documents claim too.

    Args:
        is_carried: Whether a request carries it, whatever its value is worth.
        headers: The names of the headers that this depends on, for `Vary`.
    """

    is_carried: Callable[[Exchange], bool]
    headers: tuple[str, ...]


class Lane(Enum):
    """What carries a route: Quart, or the kit itself straight from ASGI."""

    COLD = "cold"
    HOT = "hot"


COLD = Lane.COLD
HOT = Lane.HOT


@dataclass(frozen=True, slots=True)
class Guard:
    """Turns a request into a principal, or refuses it.

    Args:
        name: As docs/reference/routes.md shows it.
        check: The principal of an exchange; raises an `AppError` when there is none.
        security: The OpenAPI security scheme; empty where nothing is asked for.
        refusal: What `check` raises, for the reference; None if it never does.
        needs: The scope or the roles that the caller must have, for the reference.
        forbids: What `check` raises at a caller that does not have them.
        either: Guards each of which would let the caller in, where there is a choice.
    """

    name: str
    check: Check
    security: Mapping[str, object] = field(default_factory=dict)
    refusal: type[AppError] | None = None
    needs: str = ""
    forbids: type[AppError] | None = None
    either: tuple["Guard", ...] = ()

    @property
    def schemes(self) -> Mapping[str, Mapping[str, object]]:
        """The OpenAPI security schemes, by name, any of which is enough; none where nothing is asked for."""
        return {guard.name: guard.security for guard in self.either or (self,) if guard.security}


class RouteOptions(TypedDict):
    """What a route says of itself; without guard, limit and answers it does not type-check."""

    guard: Guard
    limit: Limit
    gives: Mapping[int, Given]
    lane: NotRequired[Lane]
    takes: NotRequired[type[Body] | None]
    body_optional: NotRequired[bool]
    query: NotRequired[type[Query] | None]
    form: NotRequired[type[Query] | None]
    refuses: NotRequired[tuple[type[AppError], ...]]
    marked: NotRequired[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of a surface.

    Args:
        surface: Whose it is.
        method: In capitals.
        path: The whole path, with `{name:int32}` or `{name:text}` where an id stands.
        handler: The function that answers.
        guard: Who may call.
        limit: How often.
        gives: The answer's model by status, or its models if it may have one of several; None for an answer
            without a JSON body.
        lane: What carries it.
        takes: The body's model; None for no body.
        body_optional: Whether the body may be left out.
        query: The query string's model; None for no parameters.
        form: The model of a body that is a form of names and values; None for no such body.
        refuses: The refusals that are its own; those of guard, limit and reading are not listed.
        marked: Another document claims the same operation, and the surface's mark tells its callers: each
            answer says with `Vary` that it depends on who asked.
    """

    surface: "Surface"
    method: str
    path: str
    handler: Handler
    guard: Guard
    limit: Limit
    gives: Mapping[int, Given]
    lane: Lane = COLD
    takes: type[Body] | None = None
    body_optional: bool = False
    query: type[Query] | None = None
    form: type[Query] | None = None
    refuses: tuple[type[AppError], ...] = ()
    marked: bool = False

    @property
    def models(self) -> Mapping[int, tuple[type[Body], ...]]:
        """The models of an answer's body by its status; none for an answer without a JSON body."""
        return {
            status: given if isinstance(given, tuple) else () if given is None else (given,)
            for status, given in self.gives.items()
        }

    @property
    def name(self) -> str:
        """The operation's name: its handler's."""
        return self.handler.__name__

    @property
    def doc(self) -> str:
        """The handler's docstring."""
        return inspect.getdoc(self.handler) or ""

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return self.doc.partition("\n")[0]

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it: `/attempts/{id}/wait`."""
        return _PARAMETER.sub(r"{\1}", self.path)

    @property
    def parameters(self) -> Mapping[str, str]:
        """The names of the ids in the path, in order, and the kind of each."""
        return dict(_PARAMETER.findall(self.path))


class Surface:
    """One HTTP API with its callers, paths and dialect.

    Args:
        name: What X-Surface says.
        base: What every path begins with, such as `/api/v1`; empty for the root.
        dialect: How it refuses.
        title: What people call it.
        mount: It also answers under `/s/<mount>`; surfaces of one document family share it. The name,
            hyphenated, when left out.
        description: What the reference says of it.
        mark: What its callers carry at paths that several documents claim. Without one it takes what no
            other's mark claims.
        cors: Which scripts of web pages may call it; None for none.
        everywhere: Its own paths are also there at hosts, ports and prefixes of other mounts.
        lapsed: By a caller's kind what an action says when that which the caller proved to be is gone since,
            and what the caller is told instead, on routes that do not list it: the proof is no good any more.
    """

    def __init__(
        self,
        name: str,
        *,
        base: str,
        dialect: Dialect,
        title: str,
        mount: str | None = None,
        description: str = "",
        mark: Mark | None = None,
        cors: Cors | None = None,
        everywhere: bool = False,
        lapsed: Lapsed | None = None,
    ) -> None:
        self.name = name
        self.base = base
        self.dialect = dialect
        self.title = title
        self.mount = mount or name.replace("_", "-")
        self.description = description
        self.mark = mark
        self.cors = cors
        self.everywhere = everywhere
        self.lapsed: Lapsed = lapsed or {}
        self.routes: list[Route] = []

    def __repr__(self) -> str:
        return f"Surface({self.name!r})"

    def route(self, method: str, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """The decorated function answers *method* on *path*; `get`, `post` and so on are shorter.

        Raises:
            ValueError: The path is not well formed, or is taken.
        """
        whole = self.base + path
        segments_of(whole)
        if any(route.method == method and route.path == whole for route in self.routes):
            raise ValueError(f"{method} {whole} is there twice")

        def add(handler: Handler) -> Handler:
            self.routes.append(Route(surface=self, method=method, path=whole, handler=handler, **options))
            return handler

        return add

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """The decorated function answers GET, and HEAD, on *path*."""
        return self.route("GET", path, **options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """The decorated function answers POST on *path*."""
        return self.route("POST", path, **options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """The decorated function answers PUT on *path*."""
        return self.route("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """The decorated function answers PATCH on *path*."""
        return self.route("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """The decorated function answers DELETE on *path*."""
        return self.route("DELETE", path, **options)


def segments_of(path: str) -> tuple[str | None, ...]:
    """The segments of a route's path; None for an id.

    Raises:
        ValueError: It is not well formed: literal segments, `{name:int32}` or `{name:text}`.
    """
    if path == "/":
        return ("",)
    if not path.startswith("/"):
        raise ValueError(f"{path!r} does not begin with a slash")
    segments: list[str | None] = []
    for segment in path[1:].split("/"):
        if _PARAMETER.fullmatch(segment):
            segments.append(None)
        elif _LITERAL.fullmatch(segment):
            segments.append(segment)
        else:
            raise ValueError(f"{segment!r} in {path!r} is neither literal nor a parameter")
    return tuple(segments)
