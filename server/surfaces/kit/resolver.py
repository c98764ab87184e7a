"""Which surface answers: chosen once, before anything is looked up, and never by falling through.

    1. a host or port that is bound to a mount   -> the surfaces of that mount, strictly
    2. a path under /s/<mount>                   -> the same; the prefix is stripped
    3. a path that one mount has                 -> its owner, whatever the request carries
    4. a path that several mounts have           -> the one whose mark the request carries, else the one
                                                    that has no mark

What nobody has a route for is refused by whoever has most of its beginning, chosen in the same way.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from server.surfaces.kit.exchange import Exchange
from server.surfaces.kit.surface import HOT, Route, Surface, segments_of

MOUNTS = "/s/"


@dataclass(frozen=True, slots=True)
class Claims:
    """Who may answer at one point.

    Args:
        surfaces: Those between which marks decide: one of each mount, in the order in which they are asked.
        routes: All routes that end here.
        vary: The names of the request headers that the choice depends on.
    """

    surfaces: tuple[Surface, ...]
    routes: tuple[Route, ...] = ()
    vary: tuple[str, ...] = ()


@dataclass(slots=True)
class _Node:
    """A point in a path: which surfaces have routes through it, and which routes end here."""

    children: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    passing: list[Surface] = field(default_factory=list)
    claiming: list[Surface] = field(default_factory=list)
    ending: list[Route] = field(default_factory=list)
    at: Claims = field(default=Claims(()))
    beyond: Claims = field(default=Claims(()))


class PathTree:
    """The paths of some surfaces. A surface listed earlier owns what several of a mount share.

    Args:
        surfaces: Those that also refuse what they have no route for.
        guests: Those whose own paths are there besides.
    """

    def __init__(self, surfaces: Sequence[Surface], guests: Sequence[Surface] = ()) -> None:
        self._root = _Node()
        for surface in surfaces:
            base = len(segments_of(surface.base)) if surface.base else 0
            *_, based = self._grow(segments_of(surface.base)) if surface.base else (self._root,)
            _once(self._root.passing, surface)
            _once(based.passing, surface)
            _once(based.claiming, surface)
            for route in surface.routes:
                for depth, node in enumerate(nodes := list(self._grow(segments_of(route.path)))):
                    _once(node.passing, surface)
                    # What lies under no base in particular is claimed at the root alone.
                    if depth >= base > 0:
                        _once(node.claiming, surface)
                nodes[-1].ending.append(route)
        for route in (route for surface in guests for route in surface.routes):
            *_, end = self._grow(segments_of(route.path))
            end.ending.append(route)
        _settle(self._root, ())

    def claims(self, path: str) -> Claims:
        """Who may answer at *path*: those with a route there, else those with most of its beginning."""
        node = self._root
        for segment in path[1:].split("/"):
            child = node.children.get(segment) or node.parameter
            if child is None:
                return node.beyond
            node = child
        return node.at

    def endings(self) -> Iterator[Claims]:
        """The claims to each path that routes end at."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            if node.ending:
                yield node.at
            nodes.extend(_next(node))

    def _grow(self, segments: Sequence[str | None]) -> Iterator[_Node]:
        node = self._root
        yield node
        for segment in segments:
            if segment is None:
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(segment, _Node())
            yield node


@dataclass(frozen=True, slots=True)
class Resolved:
    """The surface that answers.

    Args:
        path: Without its mount prefix.
        routes: Those of the surface's mount that end at the path.
        vary: The names of the request headers that the choice depended on.
        in_doubt: Several mounts claim the path, and the request carries the mark of none.
    """

    surface: Surface
    path: str
    routes: tuple[Route, ...]
    vary: tuple[str, ...]
    in_doubt: bool


class Resolver:
    """Chooses the surface of a request.

    Args:
        surfaces: All of them, in the order in which they own what nobody has a route for.

    Raises:
        ValueError: Two surfaces have the same name, two routes are the same operation, two mounts have a
            route at the same bare path and neither has a mark, a route lies under /s/, or a hot route is
            one that a mark decides about.
    """

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        if len({surface.name for surface in surfaces}) != len(surfaces):
            raise ValueError("two surfaces have the same name")
        for surface in surfaces:
            if f"{surface.base}/".startswith(MOUNTS) or any(
                r.path.startswith(MOUNTS) for r in surface.routes
            ):
                raise ValueError(f"{surface.name} has a route under {MOUNTS}")
        taken: set[tuple[str, str, tuple[str | None, ...]]] = set()
        for route in (route for surface in surfaces for route in surface.routes):
            operation = (route.surface.mount, route.method, segments_of(route.path))
            if operation in taken:
                raise ValueError(f"{route.method} {route.path} is there twice")
            taken.add(operation)
        self._all = PathTree(surfaces)
        for claims in self._all.endings():
            if sum(surface.mark is None for surface in claims.surfaces) > 1:
                raise ValueError(
                    f"{claims.surfaces} have routes at the same path; nothing tells their callers apart"
                )
            for route in claims.routes:
                if route.lane is HOT and claims.vary:
                    raise ValueError(f"{route.path} is hot, so nobody asks who is meant")
        self._mounts = {
            mount: PathTree(
                [surface for surface in surfaces if surface.mount == mount],
                [surface for surface in surfaces if surface.everywhere and surface.mount != mount],
            )
            for mount in {surface.mount for surface in surfaces}
        }

    @property
    def mounts(self) -> frozenset[str]:
        """The names of all mounts."""
        return frozenset(self._mounts)

    def resolve(self, exchange: Exchange, mount: str | None = None) -> Resolved:
        """The surface that answers *exchange*, whose path is as it was sent.

        Under the prefix of no mount it is whoever owns the root.

        Args:
            exchange: Its headers are looked at where several mounts claim its path.
            mount: The one that the request's host or port is bound to; it has no prefixes.
        """
        path = exchange.path
        if mount is not None:
            return self._chosen(self._mounts[mount].claims(path), exchange, path)
        if path.startswith(MOUNTS):
            prefix, slash, rest = path.removeprefix(MOUNTS).partition("/")
            tree = self._mounts.get(prefix)
            if tree is not None:
                bare = slash + rest or "/"
                return self._chosen(tree.claims(bare), exchange, bare)
        return self._chosen(self._all.claims(path), exchange, path)

    @staticmethod
    def _chosen(claims: Claims, exchange: Exchange, path: str) -> Resolved:
        surface, in_doubt = _marked(claims.surfaces, exchange)
        routes = tuple(route for route in claims.routes if route.surface.mount == surface.mount)
        return Resolved(surface, path, routes, claims.vary, in_doubt)


def _marked(claimants: tuple[Surface, ...], exchange: Exchange) -> tuple[Surface, bool]:
    """Which of the *claimants* is meant, and whether that is a guess."""
    if len(claimants) == 1:
        return claimants[0], False
    for surface in claimants:
        if surface.mark is not None and surface.mark.is_carried(exchange):
            return surface, False
    return next((surface for surface in claimants if surface.mark is None), claimants[0]), True


def _settle(node: _Node, inherited: tuple[Surface, ...]) -> None:
    """*node* and all behind it know who may answer there.

    Args:
        inherited: Who claims what lies before.
    """
    claiming = tuple(node.claiming) or tuple(s for s in node.passing if s.base) or inherited
    node.beyond = _claims(claiming or node.passing)
    ending = list(dict.fromkeys(route.surface for route in node.ending))
    node.at = _claims(ending, node.ending) if ending else node.beyond
    for child in _next(node):
        _settle(child, claiming)


def _next(node: _Node) -> list[_Node]:
    return [*node.children.values(), *([node.parameter] if node.parameter is not None else [])]


def _claims(surfaces: Iterable[Surface], routes: Sequence[Route] = ()) -> Claims:
    by_mount: dict[str, Surface] = {}
    for surface in surfaces:
        by_mount.setdefault(surface.mount, surface)
    claimants = tuple(by_mount.values())
    asked = claimants if len(claimants) > 1 else tuple(route.surface for route in routes if route.marked)
    headers = (name for surface in asked if surface.mark is not None for name in surface.mark.headers)
    return Claims(claimants, tuple(routes), tuple(dict.fromkeys(headers)))


def _once(surfaces: list[Surface], surface: Surface) -> None:
    if surface not in surfaces:
        surfaces.append(surface)
