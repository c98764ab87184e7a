"""Who is at the other end: the client's address with trusted proxies taken off.

A hop counts only if the hop before it is a configured proxy, so nobody outside chooses an address here.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from server.base.addresses import Address, canonical, parse_address
from server.base.settings import Network

MAX_HEADER_CHARACTERS = 4096

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - RFC 9110's word for it
_PAIR = re.compile(rf'[ \t]*({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*")[ \t]*(;|,|$)')


class ClientAddresses:
    """Tells the client's address, knowing which proxies are believed.

    Args:
        proxies: Networks of the proxies whose `X-Forwarded-For` or `Forwarded` is believed.
    """

    def __init__(self, proxies: Sequence[Network]) -> None:
        self._proxies = tuple(proxies)

    def of(self, peer: str | None, header: Callable[[str], str | None]) -> str | None:
        """The client's address in canonical form; None where it is not known.

        The peer itself, unless it is a believed proxy. Then hops are read from the right, and the first one
        that is not a believed proxy is the client; at a hop that is not an address reading stops, and the
        last good one stands. If both headers are sent and name different clients, one of them was not
        written by the proxy, and the address is unknown.

        Args:
            peer: The socket's peer, as the server gives it.
            header: A request header's value by its name in lower case, its lines joined by commas; None for
                one that was not sent.

        Source: RFC 7239, sections 4 to 6, for `Forwarded`.
        """
        if not self._proxies:
            return canonical(peer) if peer else None
        nearest = parse_address(peer) if peer else None
        if nearest is None:
            return None
        if not self._believed(nearest):
            return str(nearest)
        claims = {
            self._client(nearest, hops_of(claim))
            for name, hops_of in (("x-forwarded-for", _x_forwarded_for), ("forwarded", _forwarded))
            if (claim := header(name)) is not None
        }
        if not claims:
            return str(nearest)
        return str(claims.pop()) if len(claims) == 1 else None

    def _believed(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._proxies)

    def _client(self, peer: Address, hops: Iterator[Address | None]) -> Address:
        client = peer
        for hop in hops:
            if hop is None:
                break
            client = hop
            if not self._believed(hop):
                break
        return client


def _x_forwarded_for(header: str) -> Iterator[Address | None]:
    """The hops of an `X-Forwarded-For`, nearest first; None for one that is not an address."""
    for hop in reversed(header.split(",")):
        yield parse_address(hop.strip(" \t"))


def _forwarded(header: str) -> Iterator[Address | None]:
    """The `for` of each element of a `Forwarded`, nearest first; None for one that is not an address."""
    if len(header) > MAX_HEADER_CHARACTERS:
        yield None
        return
    elements: list[str | None] = [None]
    position = 0
    while position < len(header):
        pair = _PAIR.match(header, position)
        if pair is None:
            # What is right of the fault was perhaps written by a proxy, but cannot be told apart safely.
            yield None
            return
        name, value, delimiter = pair.groups()
        if name.lower() == "for":
            elements[-1] = value
        if delimiter == ",":
            elements.append(None)
        position = pair.end()
    for element in reversed(elements):
        yield _node(element)


def _node(value: str | None) -> Address | None:
    """The address of a `for` value: an IPv4 one, or an IPv6 one in brackets, each with or without a port."""
    if value is None:
        return None
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if value.startswith("["):
        host, closed, port = value[1:].partition("]")
        if not closed or not re.fullmatch(r"(:[0-9]{1,5})?", port):
            return None
        found = parse_address(host)
        return found if ":" in host else None
    host, _, port = value.partition(":")
    if ":" in value and not re.fullmatch(r"[0-9]{1,5}", port):
        return None
    return parse_address(host)
