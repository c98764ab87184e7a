"""What the door does where two documents claim a path, or one has a host or port of its own."""

from collections.abc import Mapping

import pytest

from server.surfaces.kit.bindings import Bindings
from tests.surfaces.kit.asgi_client import Client
from tests.surfaces.kit.claimants import claimants_gateway
from tests.surfaces.kit.conftest import MakeSettings

VARY = "X-Protekt-Key, Authorization"
KEY = {"X-Protekt-Key": "pk_live_x"}


@pytest.fixture
def client(make_settings: MakeSettings) -> Client:
    return Client(claimants_gateway(make_settings()))


# --- marks ------------------------------------------------------------------------------------------


async def test_the_mark_chooses_and_every_answer_says_that_it_did(client: Client) -> None:
    for headers, status, surface in ((KEY, 204, "marked"), ({}, 204, "plain")):
        answer = await client.send("POST", "/v1/login", headers=headers)

        assert (answer.status, answer.header("x-surface")) == (status, surface)
        assert VARY in (answer.header("vary") or "")


async def test_refusals_of_a_shared_path_are_chosen_by_the_mark_too(client: Client) -> None:
    for headers, surface, media_type in (
        (KEY, "marked", "application/json"),
        ({}, "plain", "application/problem+json"),
    ):
        for method, path, status in (("PUT", "/v1/login", 405), ("GET", "/v1/nothing", 404)):
            answer = await client.send(method, path, headers=headers)

            assert (answer.status, answer.header("x-surface")) == (status, surface)
            assert answer.header("content-type") == media_type
            assert VARY in (answer.header("vary") or "")


async def test_a_path_of_one_document_is_its_own(client: Client) -> None:
    marked = await client.send("GET", "/v1/users/usr_1", headers={"Authorization": "Bearer other"})
    plain = await client.send("GET", "/v1/polls", headers=KEY)

    assert (marked.header("x-surface"), marked.header("vary")) == ("marked", "Origin")
    assert (plain.header("x-surface"), plain.header("vary")) == ("plain", None)


async def test_methods_that_only_the_other_document_has_are_refused(client: Client) -> None:
    marked = await client.send("GET", "/v1/login", headers=KEY)
    plain = await client.send("GET", "/v1/login")

    assert (marked.status, marked.header("x-surface")) == (204, "marked")
    assert (plain.status, plain.header("x-surface"), plain.header("allow")) == (405, "plain", "POST")


async def test_strict_bare_paths_do_not_guess_who_signs_in(make_settings: MakeSettings) -> None:
    client = Client(claimants_gateway(make_settings(strict_bare_paths=True)))

    guessed = await client.send("POST", "/v1/login")
    assert (guessed.status, guessed.header("x-surface")) == (401, "plain")
    assert (await client.send("POST", "/v1/login", headers=KEY)).status == 204
    assert (await client.send("POST", "/s/plain/v1/login")).status == 204
    assert (await client.send("GET", "/v1/nothing")).status == 404
    assert (await client.send("GET", "/v1/polls")).status == 204


# --- hosts and ports --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "port", "surface"),
    [
        ({"Host": "auth.example"}, 8080, "marked"),
        ({"Host": "AUTH.example:8080"}, 8080, "marked"),
        ({"Host": "auth.example."}, 8080, "marked"),
        ({"Host": "plain.example"} | KEY, 8080, "plain"),
        ({"Host": "plain.example:8443"}, 8080, "marked"),
        ({"Host": "elsewhere:9443"}, 8080, "plain"),
        ({"Host": "elsewhere"}, 9443, "marked"),
        ({"Host": "plain.example"}, 9443, "marked"),
        ({"Host": "[::1]:9443"}, 9443, "marked"),
        ({"Host": "[::1]"}, 8080, "plain"),
        ({"Host": "elsewhere"}, 8080, "plain"),
        ({"Host": "a b@@c/..:x"}, 8080, "plain"),
        ({"Host": ""}, 8080, "plain"),
    ],
)
async def test_a_bound_host_or_port_is_one_documents_alone(
    make_settings: MakeSettings, headers: Mapping[str, str], port: int, surface: str
) -> None:
    bindings = "auth.example=marked, plain.example=plain, plain.example:8443=marked, :9443=marked"
    client = Client(claimants_gateway(make_settings(surface_bindings=bindings)))

    for path in ("/v1/login", "/v1/nothing"):
        answer = await client.send("POST", path, headers=headers, port=port)

        assert answer.header("x-surface") == surface


async def test_a_hot_route_is_not_there_at_the_host_of_another_document(make_settings: MakeSettings) -> None:
    client = Client(claimants_gateway(make_settings(surface_bindings="auth.example=marked,[::1]=plain")))

    for host, polls, users in (
        ("auth.example", (404, "marked"), (200, "marked")),
        ("[::1]:8080", (204, "plain"), (404, "plain")),
        ("elsewhere", (204, "plain"), (200, "marked")),
    ):
        polled = await client.send("GET", "/v1/polls", headers={"Host": host})
        shown = await client.send("GET", "/v1/users/usr_1", headers={"Host": host} | KEY)

        assert (polled.status, polled.header("x-surface")) == polls
        assert (shown.status, shown.header("x-surface")) == users


async def test_pages_for_people_are_at_every_host(make_settings: MakeSettings) -> None:
    client = Client(claimants_gateway(make_settings(surface_bindings="auth.example=marked")))

    shown = await client.send("GET", "/page", headers={"Host": "auth.example"})
    prefixed = await client.send("GET", "/s/plain/page")

    assert (shown.status, shown.header("x-surface")) == (200, "pages")
    assert (prefixed.status, prefixed.header("x-surface")) == (200, "pages")


def test_a_place_is_bound_to_a_mount_that_there_is() -> None:
    with pytest.raises(ValueError, match=r"'protect'; there are ezkey, protekt"):
        Bindings({"auth.example": "protect"}, {"protekt", "ezkey"})
