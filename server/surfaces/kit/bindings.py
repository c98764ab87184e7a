"""Hosts and ports that belong to one mount alone."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from server.surfaces.kit.asgi import Scope

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


class Bindings:
    """Tells which mount a request's host or port is bound to.

    Args:
        places: The mount of each place: `host`, `:port` or `host:port`, in lower case.
        mounts: Those that there are.

    Raises:
        ValueError: A place is bound to a mount that there is not.
    """

    def __init__(self, places: Mapping[str, str], mounts: Collection[str]) -> None:
        for place, mount in places.items():
            if mount not in mounts:
                known = ", ".join(sorted(mounts))
                raise ValueError(f"{place} is bound to {mount!r}; there are {known}")
        self._places = dict(places)

    def __bool__(self) -> bool:
        """Whether anything is bound at all."""
        return bool(self._places)

    def mount_of(self, scope: Scope) -> str | None:
        """The mount that the request belongs to; None if neither its port nor its host is bound.

        The port that it came in at decides first, since no client can choose another name for it. Then the
        Host header does, with its port, or else without it.
        """
        places = self._places
        server = scope.get("server")
        if server is not None and (mount := places.get(f":{server[1]}")) is not None:
            return mount
        for name, value in scope["headers"]:
            if name == b"host":
                found = _HOST.fullmatch(value.decode("latin-1").lower())
                if found is None:
                    return None
                host, port = found["name"].rstrip("."), found["port"]
                return places.get(f"{host}:{port}") or places.get(host)
        return None
