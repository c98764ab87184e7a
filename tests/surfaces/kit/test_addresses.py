from collections.abc import Callable
from ipaddress import ip_network

import pytest

from server.surfaces.kit.addresses import ClientAddresses

PROXY = "10.0.0.1"
SECOND_PROXY = "10.0.0.2"
CLIENT = "203.0.113.7"


def headers(forwarded_for: str | None, forwarded: str | None) -> Callable[[str], str | None]:
    return {"x-forwarded-for": forwarded_for, "forwarded": forwarded}.get


@pytest.fixture
def clients() -> ClientAddresses:
    return ClientAddresses((ip_network("10.0.0.0/8"), ip_network("fd00::/8")))


def test_without_proxies_the_peer_is_the_client_whatever_it_claims() -> None:
    assert ClientAddresses(()).of(CLIENT, headers("198.51.100.1", "for=198.51.100.1")) == CLIENT


def test_a_peer_that_is_no_proxy_is_not_believed(clients: ClientAddresses) -> None:
    assert clients.of(CLIENT, headers("198.51.100.1", None)) == CLIENT


def test_a_proxy_without_a_header_is_itself_the_client(clients: ClientAddresses) -> None:
    assert clients.of(PROXY, headers(None, None)) == PROXY


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (CLIENT, CLIENT),
        (f" {CLIENT} ", CLIENT),
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"198.51.100.1, {CLIENT}, {SECOND_PROXY}", CLIENT),
        (f"garbage, {CLIENT}, {SECOND_PROXY}", CLIENT),
        (f"garbage, {SECOND_PROXY}", SECOND_PROXY),
        (f"{CLIENT}, garbage", PROXY),
        (f"{CLIENT},", PROXY),
        (f"{CLIENT}:4711", PROXY),
        ("010.1.2.3", PROXY),
        ("2001:DB8::1", "2001:db8::1"),
        (f"::ffff:{CLIENT}", CLIENT),
        ("fe80::1%eth0", PROXY),
        (f"{SECOND_PROXY}, 10.0.0.3", SECOND_PROXY),
    ],
)
def test_x_forwarded_for_is_read_from_the_right(clients: ClientAddresses, header: str, client: str) -> None:
    assert clients.of(PROXY, headers(header, None)) == client


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (f"for={CLIENT}", CLIENT),
        (f'For="{CLIENT}:4711";proto=https;by=10.0.0.1', CLIENT),
        ('for="[2001:db8::7]:80"', "2001:db8::7"),
        ('for="[2001:db8::7]"', "2001:db8::7"),
        (f"for=198.51.100.1, for={CLIENT};host=x, for={SECOND_PROXY}", CLIENT),
        (f'for="_hidden, for={CLIENT}", for={CLIENT}', CLIENT),
        (f"for=unknown, for={SECOND_PROXY}", SECOND_PROXY),
        (f"for={CLIENT}, for=_hidden", PROXY),
        (f"for={CLIENT}, proto=https", PROXY),
        (f"for={CLIENT}, ;;;", PROXY),
        (f'for="{CLIENT}', PROXY),
        (f"for=[{CLIENT}]", PROXY),
        ('for="[2001:db8::7]:port"', PROXY),
        (f'for="{CLIENT}:"', PROXY),
        ("x" * 5000, PROXY),
    ],
)
def test_forwarded_is_read_from_the_right(clients: ClientAddresses, header: str, client: str) -> None:
    assert clients.of(PROXY, headers(None, header)) == client


def test_two_headers_that_agree_are_believed(clients: ClientAddresses) -> None:
    assert clients.of(PROXY, headers(CLIENT, f"for={CLIENT}")) == CLIENT


def test_two_headers_that_disagree_leave_the_address_unknown(clients: ClientAddresses) -> None:
    """One of them came through the proxy unread, and nobody can tell which."""
    assert clients.of(PROXY, headers(CLIENT, "for=198.51.100.1")) is None


def test_a_peer_without_an_address_is_unknown(clients: ClientAddresses) -> None:
    assert clients.of(None, headers(CLIENT, None)) is None
    assert clients.of("unix:", headers(CLIENT, None)) is None
