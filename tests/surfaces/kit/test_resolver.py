from collections.abc import Mapping
from typing import cast

import pytest

from server.surfaces.kit.exchange import Exchange
from server.surfaces.kit.lanes.hot import LINE
from server.surfaces.kit.limits import UNLIMITED
from server.surfaces.kit.protekt import MARK
from server.surfaces.kit.resolver import Resolved, Resolver
from server.surfaces.kit.serving import Serving
from server.surfaces.kit.surface import HOT, Mark, Surface
from tests.surfaces.kit.asgi_client import never
from tests.surfaces.kit.example import DIALECT, anyone, health, somebody


def a_surface(
    name: str,
    *paths: str,
    base: str = "",
    mount: str | None = None,
    mark: Mark | None = None,
    everywhere: bool = False,
) -> Surface:
    """A surface with a GET route at each path; one that is marked with an asterisk is `marked`."""
    made = Surface(
        name, base=base, mount=mount, dialect=DIALECT, title=name, mark=mark, everywhere=everywhere
    )
    for path in paths:
        made.get(
            path.rstrip("*"), guard=anyone, limit=UNLIMITED, gives={200: None}, marked=path.endswith("*")
        )(health)
    return made


def resolve(
    resolver: Resolver,
    path: str,
    headers: Mapping[str, str] = {},
    *,
    method: str = "GET",
    mount: str | None = None,
) -> Resolved:
    """What answers a request."""
    exchange = Exchange(
        cast("Serving", None),
        surface="",
        method=method,
        path=path,
        raw_query=b"",
        raw_headers=[(name.lower().encode(), value.encode()) for name, value in headers.items()],
        peer=None,
        receive=never,
        line=LINE,
    )
    return resolver.resolve(exchange, mount)


DEVICE = a_surface("device", "/enrollments/bind", "/auth-attempts/pending", base="/api/v1", mount="ezkey")
BACKEND = a_surface(
    "backend", "/auth-attempts", "/auth-attempts/{id:int32}/wait", base="/api/v1", mount="ezkey"
)
ADMIN = a_surface("admin", "/enrollments", "/enrollments/{id:int32}", base="/api/v1", mount="ezkey")
WELL_KNOWN = a_surface("well_known", "/health", "/v1/.well-known/jwks.json", everywhere=True)
LOGIN = a_surface("login", "/login", "/keys/{id:text}", base="/v1")


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
        ("/v1/keys/key_1", "login"),
        ("/v1/.well-known/jwks.json", "well_known"),
        ("/v1/.well-known/x", "login"),
        ("/v1/.well-known", "login"),
        ("/health", "well_known"),
        ("/health/x", "well_known"),
        ("/x", "well_known"),
        ("/", "well_known"),
        ("*", "well_known"),
    ],
)
def test_a_bare_path_belongs_to_whoever_has_most_of_its_beginning(
    resolver: Resolver, path: str, name: str
) -> None:
    resolved = resolve(resolver, path)

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
        ("/s/well-known/v1/login", "well_known", "/v1/login"),
    ],
)
def test_a_mounts_prefix_is_stripped_and_chooses_strictly(
    resolver: Resolver, path: str, name: str, bare: str
) -> None:
    resolved = resolve(resolver, path)

    assert (resolved.surface.name, resolved.path) == (name, bare)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/login", "login"),
        ("/api/v1/enrollments", "login"),
        ("/x", "login"),
        ("/s/ezkey/api/v1/enrollments", "login"),
        ("/s/login/v1/login", "login"),
    ],
)
def test_a_bound_host_or_port_chooses_strictly_and_knows_no_prefix(
    resolver: Resolver, path: str, name: str
) -> None:
    resolved = resolve(resolver, path, mount="login")

    assert (resolved.surface.name, resolved.path) == (name, path)


@pytest.mark.parametrize("path", ["/health", "/v1/.well-known/jwks.json"])
def test_what_is_everywhere_is_there_for_every_mount(resolver: Resolver, path: str) -> None:
    for mount in ("login", "ezkey"):
        assert resolve(resolver, path, mount=mount).surface is WELL_KNOWN
        assert resolve(resolver, f"/s/{mount}{path}").surface is WELL_KNOWN


def test_what_is_everywhere_refuses_nothing_for_others(resolver: Resolver) -> None:
    assert resolve(resolver, "/health/x", mount="login").surface is LOGIN
    assert resolve(resolver, "/v1/.well-known/x", mount="ezkey").surface is DEVICE


def test_the_prefix_of_no_mount_is_a_bare_path(resolver: Resolver) -> None:
    resolved = resolve(resolver, "/s/nobody/api/v1/enrollments")

    assert (resolved.surface.name, resolved.path) == ("well_known", "/s/nobody/api/v1/enrollments")


def test_without_a_surface_at_the_root_the_first_one_owns_it() -> None:
    assert resolve(Resolver([LOGIN, DEVICE]), "/x").surface is LOGIN


def test_two_mounts_without_a_mark_cannot_have_a_route_at_the_same_path() -> None:
    with pytest.raises(ValueError, match="same path"):
        Resolver([LOGIN, a_surface("other", "/login", base="/v1")])


def test_surfaces_of_one_mount_may_share_a_path() -> None:
    more = a_surface("more", base="/api/v1", mount="ezkey")
    more.post("/enrollments/bind", guard=anyone, limit=UNLIMITED, gives={200: None})(health)

    resolved = resolve(Resolver([DEVICE, more]), "/api/v1/enrollments/bind")

    assert resolved.surface is DEVICE
    assert [route.method for route in resolved.routes] == ["GET", "POST"]


def test_no_operation_is_there_twice() -> None:
    again = a_surface("again", "/enrollments/{name:text}", base="/api/v1", mount="ezkey")

    with pytest.raises(ValueError, match=r"GET .* is there twice"):
        Resolver([ADMIN, again])


def test_two_surfaces_cannot_have_the_same_name() -> None:
    with pytest.raises(ValueError, match="same name"):
        Resolver([LOGIN, a_surface("login", "/x")])


@pytest.mark.parametrize(("base", "path"), [("", "/s/x"), ("/s", "/x"), ("/s/x", "/y")])
def test_no_route_lies_where_mounts_are(base: str, path: str) -> None:
    with pytest.raises(ValueError, match="under /s/"):
        Resolver([a_surface("wrong", path, base=base)])


# --- paths that several documents claim --------------------------------------------------------------

SHARED = (
    ("POST", "/v1/auth/login"),
    ("POST", "/v1/auth/logout"),
    ("POST", "/v1/auth/magic-link/send"),
    ("POST", "/v1/auth/magic-link/verify"),
    ("GET", "/v1/api-keys"),
    ("POST", "/v1/api-keys"),
    ("DELETE", "/v1/api-keys/{id:text}"),
)
"""The operations that two published documents both have."""


def _claimants() -> list[Surface]:
    marked = Surface("marked", base="/v1", mount="one", dialect=DIALECT, title="With a mark", mark=MARK)
    marked_auth = Surface(
        "marked_auth", base="/v1/auth", mount="one", dialect=DIALECT, title="With a mark", mark=MARK
    )
    plain = Surface("plain", base="/v1", mount="two", dialect=DIALECT, title="Without a mark")
    for method, path in SHARED:
        owner = marked_auth if path.startswith("/v1/auth") else marked
        for surface, is_marked in ((owner, True), (plain, False)):
            surface.route(
                method,
                path.removeprefix(surface.base),
                guard=anyone,
                limit=UNLIMITED,
                gives={200: None},
                marked=is_marked,
            )(health)
    marked.get("/projects", guard=somebody, limit=UNLIMITED, gives={200: None})(health)
    plain.get("/api-keys/{id:text}", guard=somebody, limit=UNLIMITED, gives={200: None})(health)
    plain.get("/auth/me", guard=somebody, limit=UNLIMITED, gives={200: None})(health)
    return [marked, marked_auth, plain, WELL_KNOWN]


@pytest.fixture(scope="module")
def shared() -> Resolver:
    return Resolver(_claimants())


# {"alg":"ES256","kid":"protekt-1"} and the same with kid other-1; nothing is signed.
OWN_TOKEN = "eyJhbGciOiJFUzI1NiIsImtpZCI6InByb3Rla3QtMSJ9.e30.c2ln"
FOREIGN_TOKEN = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im90aGVyLTEifQ.e30.c2ln"

CARRIED = {
    "a key": {"X-Protekt-Key": "pk_live_x"},
    "a bad key": {"X-Protekt-Key": "nonsense"},
    "an empty key": {"X-Protekt-Key": ""},
    "a management token": {"Authorization": "Bearer mgmt_x"},
    "its own access token": {"Authorization": f"bearer {OWN_TOKEN}"},
    "both": {"X-Protekt-Key": "pk_live_x", "Authorization": f"Bearer {FOREIGN_TOKEN}"},
}
NOT_CARRIED: dict[str, dict[str, str]] = {
    "nothing": {},
    "a foreign access token": {"Authorization": f"Bearer {FOREIGN_TOKEN}"},
    "a foreign key": {"Authorization": "Bearer mk_x", "X-API-Key": "mk_x"},
    "a management token under another scheme": {"Authorization": "Basic mgmt_x"},
    "garbage": {"Authorization": "Bearer ....", "X-Tenant-ID": "7"},
    "the names of headers in a request that is no preflight": {
        "Access-Control-Request-Headers": "x-protekt-key"
    },
}


def concrete(path: str) -> str:
    return path.replace("{id:text}", "key_1")


@pytest.mark.parametrize(("method", "path"), SHARED)
@pytest.mark.parametrize("name", CARRIED)
def test_whoever_carries_the_mark_gets_its_surface(
    shared: Resolver, method: str, path: str, name: str
) -> None:
    resolved = resolve(shared, concrete(path), CARRIED[name], method=method)

    assert resolved.surface.mount == "one"
    assert resolved.vary == ("X-Protekt-Key", "Authorization")
    assert not resolved.in_doubt
    assert {route.surface for route in resolved.routes} == {resolved.surface}


@pytest.mark.parametrize(("method", "path"), SHARED)
@pytest.mark.parametrize("name", NOT_CARRIED)
def test_whoever_carries_no_mark_gets_the_surface_without_one(
    shared: Resolver, method: str, path: str, name: str
) -> None:
    resolved = resolve(shared, concrete(path), NOT_CARRIED[name], method=method)

    assert resolved.surface.name == "plain"
    assert resolved.vary == ("X-Protekt-Key", "Authorization")
    assert resolved.in_doubt


@pytest.mark.parametrize(("method", "path"), SHARED)
@pytest.mark.parametrize("name", [*CARRIED, *NOT_CARRIED])
@pytest.mark.parametrize("mount", ["one", "two"])
def test_a_host_or_prefix_decides_whatever_is_carried(
    shared: Resolver, method: str, path: str, name: str, mount: str
) -> None:
    headers = (CARRIED | NOT_CARRIED)[name]

    bound = resolve(shared, concrete(path), headers, method=method, mount=mount)
    prefixed = resolve(shared, f"/s/{mount}{concrete(path)}", headers, method=method)

    assert bound.surface.mount == prefixed.surface.mount == mount
    assert not bound.in_doubt
    assert not prefixed.in_doubt


@pytest.mark.parametrize(
    ("headers", "mount"),
    [
        ({"Access-Control-Request-Headers": "content-type, X-Protekt-Key"}, "one"),
        ({"Access-Control-Request-Headers": "content-type,authorization"}, "two"),
        ({}, "two"),
    ],
)
def test_a_preflight_is_told_by_the_headers_that_it_announces(
    shared: Resolver, headers: Mapping[str, str], mount: str
) -> None:
    resolved = resolve(shared, "/v1/auth/login", headers, method="OPTIONS")

    assert resolved.surface.mount == mount


@pytest.mark.parametrize("path", ["/v1/x", "/v1", "/v1/auth/x", "/v1/auth", "/v1/auth/magic-link"])
def test_what_nobody_has_is_refused_by_whom_the_caller_means(shared: Resolver, path: str) -> None:
    assert resolve(shared, path, CARRIED["a key"]).surface.mount == "one"
    assert resolve(shared, path).surface.mount == "two"
    assert resolve(shared, path).vary == ("X-Protekt-Key", "Authorization")


@pytest.mark.parametrize(
    ("path", "mount"), [("/v1/projects", "one"), ("/v1/projects/x", "one"), ("/v1/auth/me", "two")]
)
@pytest.mark.parametrize("name", ["nothing", "a key"])
def test_what_one_document_has_is_its_own_whatever_is_carried(
    shared: Resolver, path: str, mount: str, name: str
) -> None:
    resolved = resolve(shared, path, (CARRIED | NOT_CARRIED)[name])

    assert (resolved.surface.mount, resolved.vary, resolved.in_doubt) == (mount, (), False)


def test_a_path_that_will_be_shared_says_so_before_it_is() -> None:
    alone = a_surface("alone", "/login*", "/me", base="/v1", mark=MARK)
    resolver = Resolver([alone, WELL_KNOWN])

    shared = resolve(resolver, "/v1/login")
    assert (shared.surface, shared.vary, shared.in_doubt) == (
        alone,
        ("X-Protekt-Key", "Authorization"),
        False,
    )
    assert resolve(resolver, "/v1/me").vary == ()


def test_among_claimants_that_all_have_marks_the_first_one_takes_what_carries_none() -> None:
    never_carried = Mark(lambda _: False, ("X-Never",))
    first = a_surface("first", "/login", base="/v1", mark=never_carried)
    second = a_surface("second", "/login", base="/v1", mark=MARK)
    resolver = Resolver([first, second])

    assert resolve(resolver, "/v1/login").surface is first
    assert resolve(resolver, "/v1/login", CARRIED["a key"]).surface is second
    assert resolve(resolver, "/v1/login").vary == ("X-Never", "X-Protekt-Key", "Authorization")


def test_a_hot_route_is_nobody_elses() -> None:
    surface = Surface("hot", base="/v1", dialect=DIALECT, title="Hot", mark=MARK)
    surface.get("/x", guard=anyone, limit=UNLIMITED, gives={200: None}, lane=HOT, marked=True)(health)

    with pytest.raises(ValueError, match="/v1/x is hot"):
        Resolver([surface])
