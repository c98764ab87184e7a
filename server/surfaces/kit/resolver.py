"""Which surface answers: chosen once, before anything else, and never by falling through.

    1. a path under /s/<mount>    -> the prefix is stripped; the surfaces of that mount, strictly
    2. a bare path                -> its only owner, else whoever owns most of its beginning

No two mounts may have a route at the same bare path; the start says so if they do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from server.surfaces.kit.surface import Surface, segments_of

MOUNTS = "/s/"


@dataclass(slots=True)
class _Node:
    """A point in a path: which surfaces have routes through it, and which end here."""

    children: dict[str, "_Node"] = field(default_factory=dict)
    id: "_Node | None" = None
    surfaces: list[Surface] = field(default_factory=list)
    ending: list[Surface] = field(default_factory=list)
    based: list[Surface] = field(default_factory=list)

    @property
    def owner(self) -> Surface:
        """Who refuses what comes to this point and no further."""
        return (self.ending or self.based or self.surfaces)[0]


class PathTree:
    """The paths of some surfaces. A surface listed earlier owns what several share."""

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        self._root = _Node()
        for surface in surfaces:
            for route in surface.routes:
                nodes = list(self._grow(segments_of(route.path)))
                for node in nodes:
                    _once(node.surfaces, surface)
                _once(nodes[-1].ending, surface)
            *_, base = self._grow(segments_of(surface.base)) if surface.base else (self._root,)
            for node in (self._root, base):
                _once(node.surfaces, surface)
            _once(base.based, surface)

    def owner(self, path: str) -> Surface:
        """The surface that has the longest beginning of *path*; for a route's path, the route's own."""
        node = self._root
        for segment in path[1:].split("/"):
            child = node.children.get(segment) or node.id
            if child is None:
                break
            node = child
        return node.owner

    def endings(self) -> Iterator[list[Surface]]:
        """For each path that routes end at, the surfaces that they are of."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            if node.ending:
                yield node.ending
            nodes.extend(node.children.values())
            if node.id is not None:
                nodes.append(node.id)

    def _grow(self, segments: Sequence[str | None]) -> Iterator[_Node]:
        node = self._root
        yield node
        for segment in segments:
            if segment is None:
                node.id = node.id or _Node()
                node = node.id
            else:
                node = node.children.setdefault(segment, _Node())
            yield node


@dataclass(frozen=True, slots=True)
class Resolved:
    """The surface that answers, and the path without its mount prefix."""

    surface: Surface
    path: str


class Resolver:
    """Chooses the surface of a request.

    Args:
        surfaces: All of them, in the order in which they own what nobody has a route for.

    Raises:
        ValueError: Two surfaces have the same name, two routes are the same operation, two mounts have a
            route at the same bare path, or one has a route under /s/.
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
        for ending in self._all.endings():
            if len({surface.mount for surface in ending}) > 1:
                raise ValueError(f"{ending} have routes at the same path; nothing tells their callers apart")
        self._mounts = {
            mount: PathTree([surface for surface in surfaces if surface.mount == mount])
            for mount in {surface.mount for surface in surfaces}
        }

    def resolve(self, path: str) -> Resolved:
        """The surface that answers *path*. Under the prefix of no mount it is whoever owns the root."""
        if path.startswith(MOUNTS):
            mount, slash, rest = path.removeprefix(MOUNTS).partition("/")
            tree = self._mounts.get(mount)
            if tree is not None:
                bare = slash + rest or "/"
                return Resolved(tree.owner(bare), bare)
        return Resolved(self._all.owner(path), path)


def _once(surfaces: list[Surface], surface: Surface) -> None:
    if surface not in surfaces:
        surfaces.append(surface)
