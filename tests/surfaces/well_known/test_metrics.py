from collections.abc import Callable

import pytest

from tests.support.product import Product


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
async def test_neighbours_read_what_is_counted(make_product: Callable[..., Product], address: str) -> None:
    product = make_product()
    await product.http.get("/health")
    neighbour = product.client(address)

    response = await neighbour.get("/metrics")

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    assert 'route="/health"' in response.text
    await neighbour.aclose()


@pytest.mark.parametrize("address", ["192.0.2.10", "2001:db8::1", "not an address"])
async def test_for_others_there_is_nothing(product: Product, address: str) -> None:
    stranger = product.client(address)

    assert (await stranger.get("/metrics")).status_code == 404
    await stranger.aclose()


async def test_who_the_neighbours_are_is_a_setting(make_product: Callable[..., Product]) -> None:
    product = make_product(metrics_networks="192.0.2.0/24")

    assert (await product.http.get("/metrics")).status_code == 200


async def test_no_secret_and_no_id_is_a_label(make_product: Callable[..., Product]) -> None:
    product = make_product(metrics_networks="192.0.2.0/24")
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone)
    await party.cancel(created["authAttemptId"])
    await product.bind(phone)

    exposed = (await product.http.get("/metrics")).text

    for value in (
        phone.proof_token,
        party.secret,
        party.key_id,
        created["authAttemptId"],
        phone.enrollment_id,
    ):
        assert str(value) not in exposed
