import pytest

from server.surfaces.kit.limits import UNLIMITED
from server.surfaces.kit.resolver import Resolver
from server.surfaces.kit.surface import Surface
from tests.surfaces.kit.example import DIALECT, anyone, health


def a_surface(name: str, *paths: str, base: str = "", mount: str | None = None) -> Surface:
    made = Surface(name, base=base, mount=mount, dialect=DIALECT, title=name)
    for path in paths:
        made.get(path, guard=anyone, limit=UNLIMITED, gives={200: None})(health)
    return made


DEVICE = a_surface("device", "/enrollments/bind", "/auth-attempts/pending", base="/api/v1", mount="ezkey")
BACKEND = a_surface(
    "backend", "/auth-attempts", "/auth-attempts/{id:int32}/wait", base="/api/v1", mount="ezkey"
)
ADMIN = a_surface("admin", "/enrollments", "/enrollments/{id:int32}", base="/api/v1", mount="ezkey")
WELL_KNOWN = a_surface("well_known", "/health")
LOGIN = a_surface("login", "/login", base="/v1")


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    return Resolver([DEVICE, BACKEND, ADMIN, WELL_KNOWN, LOGIN])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/enrollments/bind", "device"),
        ("/api/v1/enrollments", "admin"),
        ("/api/v1/enrollments/7", "admin"),
        ("/api/v1/enrollments/x", "admin"),
        ("/api/v1/enrollments/bind/x", "device"),
        ("/api/v1/auth-attempts", "backend"),
        ("/api/v1/auth-attempts/pending", "device"),
        ("/api/v1/auth-attempts/abc/wait", "backend"),
        ("/api/v1/auth-attempts/7/x", "backend"),
        ("/api/v1/x", "device"),
        ("/api/v1", "device"),
        ("/api", "device"),
        ("/v1/x", "login"),
        ("/v1", "login"),
        ("/health", "well_known"),
        ("/x", "well_known"),
        ("/", "well_known"),
        ("*", "well_known"),
    ],
)
def test_a_bare_path_belongs_to_whoever_has_most_of_its_beginning(
    resolver: Resolver, path: str, name: str
) -> None:
    resolved = resolver.resolve(path)

    assert (resolved.surface.name, resolved.path) == (name, path)


@pytest.mark.parametrize(
    ("path", "name", "bare"),
    [
        ("/s/ezkey/api/v1/enrollments", "admin", "/api/v1/enrollments"),
        ("/s/ezkey/v1/login", "device", "/v1/login"),
        ("/s/ezkey", "device", "/"),
        ("/s/login/v1/login", "login", "/v1/login"),
        ("/s/login/api/v1/enrollments", "login", "/api/v1/enrollments"),
        ("/s/well-known/health", "well_known", "/health"),
    ],
)
def test_a_mounts_prefix_is_stripped_and_chooses_strictly(
    resolver: Resolver, path: str, name: str, bare: str
) -> None:
    resolved = resolver.resolve(path)

    assert (resolved.surface.name, resolved.path) == (name, bare)


def test_the_prefix_of_no_mount_is_a_bare_path(resolver: Resolver) -> None:
    resolved = resolver.resolve("/s/nobody/api/v1/enrollments")

    assert (resolved.surface.name, resolved.path) == ("well_known", "/s/nobody/api/v1/enrollments")


def test_without_a_surface_at_the_root_the_first_one_owns_it() -> None:
    assert Resolver([LOGIN, DEVICE]).resolve("/x").surface is LOGIN


def test_two_mounts_cannot_have_a_route_at_the_same_path() -> None:
    with pytest.raises(ValueError, match="same path"):
        Resolver([LOGIN, a_surface("other", "/login", base="/v1")])


def test_surfaces_of_one_mount_may_share_a_path() -> None:
    more = a_surface("more", base="/api/v1", mount="ezkey")
    more.post("/enrollments/bind", guard=anyone, limit=UNLIMITED, gives={200: None})(health)

    assert Resolver([DEVICE, more]).resolve("/api/v1/enrollments/bind").surface is DEVICE


def test_no_operation_is_there_twice() -> None:
    again = a_surface("again", "/enrollments/{number:int32}", base="/api/v1", mount="ezkey")

    with pytest.raises(ValueError, match=r"GET .* is there twice"):
        Resolver([ADMIN, again])


def test_two_surfaces_cannot_have_the_same_name() -> None:
    with pytest.raises(ValueError, match="same name"):
        Resolver([LOGIN, a_surface("login", "/x")])


@pytest.mark.parametrize(("base", "path"), [("", "/s/x"), ("/s", "/x"), ("/s/x", "/y")])
def test_no_route_lies_where_mounts_are(base: str, path: str) -> None:
    with pytest.raises(ValueError, match="under /s/"):
        Resolver([a_surface("wrong", path, base=base)])
