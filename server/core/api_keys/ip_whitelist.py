"""From where a key may be used."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from server.base.errors import InvalidFields
from server.core.api_keys.model import Network

MAX_NETWORKS = 100

_MAPPED_IPV4 = IPv6Network("::ffff:0:0/96")


def networks_of(entries: Sequence[str]) -> tuple[Network, ...]:
    """The networks that *entries* name, each once: addresses and CIDRs, IPv4 and IPv6; none for anywhere.

    A CIDR whose address has bits beyond its prefix (`10.0.0.1/8`) is refused: it is most often a slip.

    Raises:
        InvalidFields: An entry is neither, or there are more than 100; the field is `ipWhitelist`.
    """
    if len(entries) > MAX_NETWORKS:
        raise InvalidFields(fields={"ipWhitelist": f"must have at most {MAX_NETWORKS} entries"})
    return tuple(dict.fromkeys(_network(entry.strip()) for entry in entries))


def text_of(network: Network) -> str:
    """*network* as people write it: a single address without its prefix."""
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return str(network)


def _network(entry: str) -> Network:
    try:
        network = ip_network(entry)
    except ValueError:
        network = None
    if network is None or "%" in entry:
        raise InvalidFields(
            fields={"ipWhitelist": "must be IP addresses or CIDRs without bits beyond the prefix"}
        )
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED_IPV4):
        # Callers are compared by their IPv4 address, in whichever form it reached the server.
        return IPv4Network((int(network.network_address) & 0xFFFF_FFFF, network.prefixlen - 96))
    return network
