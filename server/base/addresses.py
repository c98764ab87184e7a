"""Addresses of clients: how one is written, and under which name it is counted."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address

UNKNOWN = "unknown"
IPV6_BUCKET_BITS = 64
MAX_ADDRESS_CHARACTERS = 45


def parse_address(text: str) -> Address | None:
    """*text* as an address, or None if it is not exactly one.

    An IPv4 address mapped into IPv6 is the IPv4 address. A zone (`%eth0`) is not part of a client's address.
    """
    # The cache is not for texts as long as anybody likes.
    return _parse(text) if len(text) <= MAX_ADDRESS_CHARACTERS else None


@lru_cache(maxsize=8192)
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


@lru_cache(maxsize=8192)
def canonical(text: str) -> str | None:
    """The one way to write the address *text*; None if it is not exactly one."""
    address = parse_address(text)
    return None if address is None else str(address)


@lru_cache(maxsize=8192)
def bucket_of(address: str | None) -> str:
    """Under which name an address is counted: an IPv4 address itself, an IPv6 one by its /64.

    One customer commonly has a whole /64 (RFC 6177), so single IPv6 addresses would be no limit at all.
    """
    parsed = parse_address(address) if address else None
    if parsed is None:
        return UNKNOWN
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    kept = int(parsed) >> IPV6_BUCKET_BITS << IPV6_BUCKET_BITS
    return f"{IPv6Address(kept)}/{IPV6_BUCKET_BITS}"
