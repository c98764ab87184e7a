from server.db.pool import Database
from tests.support.product import Product, a_product


async def test_all_is_well_while_the_database_answers(product: Product) -> None:
    response = await product.http.get("/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_without_a_database_the_instance_says_when_to_come_again(database_url: str, lane: str) -> None:
    db = await Database.open(database_url, connections=1, application_name="health")
    product = a_product(db, hot_lane=lane == "hot")
    await db.close()

    response = await product.http.get("/health")

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["type"] == "https://ezkey.io/problems/unavailable"
    await product.http.aclose()
