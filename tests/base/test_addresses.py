"""How an address is written, and under which name it is counted."""

import pytest

from server.base.addresses import UNKNOWN, bucket_of, parse_address

CLIENT = "203.0.113.7"


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        (CLIENT, CLIENT),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        (f"::ffff:{CLIENT}", CLIENT),
        (None, UNKNOWN),
        ("nonsense", UNKNOWN),
    ],
)
def test_an_ipv6_client_is_counted_by_its_network(address: str | None, bucket: str) -> None:
    assert bucket_of(address) == bucket


def test_only_an_exact_address_is_one() -> None:
    assert parse_address("203.0.113.7/32") is None
    assert parse_address("") is None
    assert parse_address("1" * 1000) is None
    assert str(parse_address("2001:0db8:0000:0000:0000:0000:0000:0001")) == "2001:db8::1"
