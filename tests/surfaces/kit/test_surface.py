import pytest

from server.surfaces.kit.exchange import Response
from server.surfaces.kit.limits import UNLIMITED
from server.surfaces.kit.surface import COLD, HOT, Surface, segments_of
from tests.surfaces.kit.example import DIALECT, anyone, device, surface


def a_surface(base: str = "/v1") -> Surface:
    return Surface("two_words", base=base, dialect=DIALECT, title="Two words")


async def answer() -> Response:
    """GET /v1/x: a summary.

    And more
    of it.
    """
    return Response(204)


def test_a_route_says_what_the_reference_shows() -> None:
    made = a_surface()
    made.get("/x/{id:int32}/y/{other_id:text}", guard=anyone, limit=UNLIMITED, gives={204: None})(answer)

    (route,) = made.routes
    assert (route.method, route.path) == ("GET", "/v1/x/{id:int32}/y/{other_id:text}")
    assert route.template == "/v1/x/{id}/y/{other_id}"
    assert list(route.parameters.items()) == [("id", "int32"), ("other_id", "text")]
    assert (route.name, route.summary) == ("answer", "GET /v1/x: a summary.")
    assert route.doc.endswith("And more\nof it.")
    assert (route.guard.name, route.limit.name, route.lane) == ("anyone", "unlimited", COLD)


def test_every_method_has_its_decorator_and_leaves_the_handler_as_it_was() -> None:
    made = a_surface()

    for add in (made.get, made.post, made.put, made.patch, made.delete):
        assert add("/x", guard=anyone, limit=UNLIMITED, gives={204: None}, lane=HOT)(answer) is answer

    assert [route.method for route in made.routes] == ["GET", "POST", "PUT", "PATCH", "DELETE"]
    assert {route.lane for route in made.routes} == {HOT}


@pytest.mark.parametrize("left_out", ["guard", "limit", "gives"])
def test_a_route_without_guard_limit_or_answers_cannot_be_made(left_out: str) -> None:
    options = {"guard": anyone, "limit": UNLIMITED, "gives": {204: None}}
    del options[left_out]

    with pytest.raises(TypeError, match=left_out):
        a_surface().get("/x", **options)(answer)  # type: ignore[arg-type]  # which is the point


def test_a_path_has_one_route_for_a_method() -> None:
    made = a_surface()
    made.get("/x", guard=anyone, limit=UNLIMITED, gives={204: None})(answer)

    with pytest.raises(ValueError, match="GET /v1/x is there twice"):
        made.get("/x", guard=anyone, limit=UNLIMITED, gives={204: None})


@pytest.mark.parametrize(
    "path", ["x", "/x/", "//x", "/x/{id}", "/x/{id:uuid}", "/x/{id:int32}s", "/a b", "/%41", ""]
)
def test_a_path_that_is_not_well_formed_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"slash|neither"):
        segments_of(path)


def test_a_path_is_literal_segments_and_ids() -> None:
    assert segments_of("/v1/x/{id:int32}/y.json") == ("v1", "x", None, "y.json")
    assert segments_of("/v1/{name:text}") == ("v1", None)
    assert segments_of("/") == ("",)


def test_a_surface_is_mounted_under_its_name_unless_it_shares_anothers() -> None:
    assert a_surface().mount == "two-words"
    assert surface.mount == device.mount == "examples"
