"""Every kind of answer of the Protekt surfaces and of the pages that their mails lead to."""

from base64 import b32decode
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

import httpx2
import pyotp

from server.base.ids import uid_of
from server.core.api_keys.model import Scope
from server.core.factors.owner import Owner
from server.core.factors.push import LinkPush, link_push
from server.core.principals.actions import ReadPrincipal, read_principal
from server.core.realms.actions import SetPushIntegration, read_realm, set_push_integration
from server.core.single_sign_on.actions import AddIdentityProvider, add_identity_provider
from server.core.work import Work
from server.outbound.identity_providers.saml import SamlProvider
from server.surfaces.kit.protekt import USER
from tests.support.accounts import APP, PASSWORD, Account, ProjectClient, an_email
from tests.support.outbox import latest_message
from tests.support.product import Product, RelyingParty

NEW_PASSWORD = "quite another battery staple"
PHONE = "+4915112345678"
NOTHING_MORE: Mapping[str, str] = MappingProxyType({})
ACCOUNT_BODIES = (
    ("POST", "/token"),
    ("POST", "/projects"),
    ("PATCH", "/projects/{id}"),
    ("POST", "/api-keys"),
    ("POST", "/members/invite"),
)
AUTH_BODIES = (
    ("POST", "/auth/signup"),
    ("POST", "/auth/login"),
    ("POST", "/auth/token/refresh"),
    ("POST", "/auth/token/verify"),
    ("POST", "/auth/token/revoke"),
    ("POST", "/auth/password/reset"),
    ("POST", "/auth/password/confirm"),
    ("POST", "/auth/password/change"),
    ("POST", "/auth/otp/send"),
    ("POST", "/auth/otp/verify"),
    ("POST", "/auth/magic-link/send"),
    ("POST", "/auth/magic-link/verify"),
    ("POST", "/auth/mfa/enroll"),
    ("POST", "/auth/mfa/verify"),
    ("DELETE", "/auth/mfa/unenroll"),
    ("PATCH", "/auth/users/{id}"),
    ("DELETE", "/auth/sessions"),
)


# --- organizations -----------------------------------------------------------------------------------


async def account_answers(product: Product) -> None:
    """The Account API, taken and refused."""
    account = await product.account()
    http = account.http
    await product.http.post("/v1/token", json={"email": account.email, "password": "wrong"})
    project = await _projects(http)
    await _keys(http, project)
    await _members(product, account)
    for query in ("", "?from=2026-01-01&to=2026-01-31", f"?project_id={project}", "?from=yesterday"):
        await http.get(f"/v1/usage{query}")
    await http.delete(f"/v1/projects/{project}")
    await _refused_bodies(http, ACCOUNT_BODIES, project)
    await http.get("/v1/nothing")
    await http.put("/v1/projects")
    await http.post("/v1/token/revoke")
    await http.get("/v1/projects")


async def _projects(http: httpx2.AsyncClient) -> str:
    asked = {"name": "App", "allowed_origins": [APP], "redirect_url": f"{APP}/signed-in"}
    project: str = (await http.post("/v1/projects", json=asked)).json()["id"]
    await http.post("/v1/projects", json=asked | {"description": "An app", "mfa_required": True})
    await http.post("/v1/projects", json=asked | {"redirect_url": "nowhere"})
    page = (await http.get("/v1/projects?limit=1")).json()
    await http.get(f"/v1/projects?cursor={page['next_cursor']}")
    await http.get("/v1/projects?limit=1000")
    for path in (f"/v1/projects/{project}", "/v1/projects/proj_unknown"):
        await http.get(path)
        await http.patch(path, json={"token_expiry": 600})
    await http.patch(f"/v1/projects/{project}", json={"name": None})
    await http.delete("/v1/projects/proj_unknown")
    return project


async def _keys(http: httpx2.AsyncClient, project: str) -> None:
    asked = {"project_id": project, "label": "Backend"}
    key = (await http.post("/v1/api-keys", json=asked)).json()["id"]
    await http.post("/v1/api-keys", json=asked | {"scopes": [], "expires_at": "yesterday"})
    for query in ("", f"?project_id={project}&limit=1", "?project_id=x", "?limit=0"):
        await http.get(f"/v1/api-keys{query}")
    for _ in range(2):
        await http.delete(f"/v1/api-keys/{key}")


async def _members(product: Product, account: Account) -> None:
    http, email = account.http, an_email("dev")
    for _ in range(2):
        await http.post("/v1/members/invite", json={"email": email, "role": "developer"})
    await http.post("/v1/members/invite", json={"email": email, "role": "owner"})
    token = (await latest_message(product.core, email)).link_token
    await product.http.get("/links/invitation", params={"token": token})
    for password in ("short", PASSWORD, PASSWORD):
        await product.http.post("/links/invitation", data={"token": token, "password": password})
    await product.http.get("/links/invitation", params={"token": token})
    developer = await product.signed_in(account.organization, email)
    members = {each["role"]: each["id"] for each in (await http.get("/v1/members")).json()["data"]}
    for member in (members["developer"], members["owner"], "mem_unknown"):
        await developer.http.delete(f"/v1/members/{member}")
    for member in (members["owner"], members["developer"], members["developer"]):
        await http.delete(f"/v1/members/{member}")


# --- users -------------------------------------------------------------------------------------------


async def auth_answers(product: Product, party: RelyingParty) -> None:
    """The Authentication API, taken and refused, with what its mails lead to."""
    backend = await product.backend()
    email = an_email()
    signed_up = await _sign_up_and_in(product, backend, email)
    await _users(backend, signed_up["user"]["id"])
    await _tokens(backend, email)
    await _passwords(product, backend, email)
    await _codes_and_links(product, backend)
    await _second_factors(product, backend, party)
    await _demanded_second_factor(product)
    await _single_sign_on(product, backend)
    await _sessions(backend, email)
    user = await _log_in(backend, email)
    await _refused_bodies(backend.http, AUTH_BODIES, signed_up["user"]["id"], _by(user))
    await _nothing_there(product, backend)


async def _sign_up_and_in(product: Product, backend: ProjectClient, email: str) -> dict[str, dict[str, str]]:
    http = backend.http
    asked = {"email": email, "password": PASSWORD, "metadata": {"plan": "free"}, "send_verification": True}
    signed_up: dict[str, dict[str, str]] = (await http.post("/v1/auth/signup", json=asked)).json()
    for refused in (asked, asked | {"email": an_email(), "password": "password"}):
        await http.post("/v1/auth/signup", json=refused)
    token = (await latest_message(product.core, email, template="verify_email")).link_token
    for verb in ("get", "post", "post", "get"):
        sent = {"params" if verb == "get" else "data": {"token": token}}
        await getattr(product.http, verb)("/links/verify-email", **sent)
    for password in (PASSWORD, "wrong"):
        await http.post("/v1/auth/login", json={"email": email, "password": password})
    return signed_up


async def _log_in(backend: ProjectClient, email: str, password: str = PASSWORD) -> dict[str, str]:
    response = await backend.http.post("/v1/auth/login", json={"email": email, "password": password})
    assert response.status_code == 200, response.text
    told: dict[str, str] = response.json()
    return told


def _by(tokens: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def _users(backend: ProjectClient, user: str) -> None:
    http = backend.http
    other = an_email("other")
    signed_up = (await http.post("/v1/auth/signup", json={"email": other, "password": PASSWORD})).json()
    page = (await http.get("/v1/auth/users?limit=1")).json()
    for query in (f"?cursor={page['next_cursor']}", f"?search={other[:8]}", "?limit=0"):
        await http.get(f"/v1/auth/users{query}")
    for path in (f"/v1/auth/users/{user}", "/v1/auth/users/usr_unknown"):
        await http.get(path)
        await http.patch(path, json={"metadata": {"plan": "paid"}})
    await http.patch(f"/v1/auth/users/{user}", json={"email": other})
    path = f"/v1/auth/users/{signed_up['user']['id']}"
    await http.patch(path, json={"metadata": {"a": 1}}, headers=_by(signed_up))
    await http.patch(path, json={"disabled": True}, headers=_by(signed_up))
    await http.patch(path, json={"disabled": True})
    for _ in range(2):
        await http.delete(path)


async def _tokens(backend: ProjectClient, email: str) -> None:
    http = backend.http
    tokens = await _log_in(backend, email)
    for token in (tokens["access_token"], "wrong"):
        await http.post("/v1/auth/token/verify", json={"token": token})
    for _ in range(2):
        await http.post("/v1/auth/token/refresh", json={"refresh_token": tokens["refresh_token"]})
    tokens = await _log_in(backend, email)
    for token in (tokens["access_token"], tokens["refresh_token"], "wrong"):
        await http.post("/v1/auth/token/revoke", json={"token": token})


async def _passwords(product: Product, backend: ProjectClient, email: str) -> None:
    http = backend.http
    for to in (email, an_email("unknown")):
        await http.post("/v1/auth/password/reset", json={"email": to})
    token = (await latest_message(product.core, email, template="reset_password")).link_token
    for password in ("password", PASSWORD, PASSWORD):
        await http.post("/v1/auth/password/confirm", json={"reset_token": token, "new_password": password})
    tokens = await _log_in(backend, email)
    for current in ("wrong", PASSWORD):
        body = {"current_password": current, "new_password": NEW_PASSWORD}
        await http.post("/v1/auth/password/change", json=body, headers=_by(tokens))
    await http.post("/v1/auth/password/reset", json={"email": email})
    token = (await latest_message(product.core, email, template="reset_password")).link_token
    await product.http.get("/links/reset-password", params={"token": token})
    for password in ("short", PASSWORD, PASSWORD):
        await product.http.post("/links/reset-password", data={"token": token, "password": password})
    await product.http.get("/links/reset-password", params={"token": token})


async def _codes_and_links(product: Product, backend: ProjectClient) -> None:
    http, email = backend.http, an_email("passwordless")
    for to in ({"email": email}, {"phone": PHONE, "channel": "sms"}):
        await http.post("/v1/auth/otp/send", json=to)
        letter = await latest_message(product.core, to.get("email") or PHONE)
        for code in (letter.code, letter.code):
            await http.post("/v1/auth/otp/verify", json={**to, "otp": code})
    await http.post("/v1/auth/otp/send", json={})
    for redirect_url in (f"{APP}/welcome", "https://elsewhere.example/"):
        await http.post("/v1/auth/magic-link/send", json={"email": email, "redirect_url": redirect_url})
    token = (await latest_message(product.core, email, template="magic_link")).link_token
    await product.http.get("/links/magic", params={"token": token})
    await product.http.post("/links/magic", data={"token": token})
    for sent in (token, token, "unknown"):
        await http.post("/v1/auth/magic-link/verify", json={"token": sent})
    await product.http.get("/links/magic", params={"token": token})
    await product.http.post("/links/magic", data={"token": token})


# --- second factors ----------------------------------------------------------------------------------


def _code(product: Product, uri: str) -> str:
    """The code that an authenticator app shows, half a minute from now, which it is then."""
    product.move_clock(seconds=30)
    (secret,) = parse_qs(urlsplit(uri).query)["secret"]
    assert len(b32decode(secret)) == 20
    return pyotp.TOTP(secret).at(product.core.clock.now())


async def _second_factors(product: Product, backend: ProjectClient, party: RelyingParty) -> None:
    http, email = backend.http, an_email("careful")
    tokens = (await http.post("/v1/auth/signup", json={"email": email, "password": PASSWORD})).json()
    by_user = _by(tokens)
    begun = await http.post("/v1/auth/mfa/enroll", json={"method": "totp"}, headers=by_user)
    uri = begun.json()["totp_uri"]
    for code in ("000000", _code(product, uri)):
        await http.post("/v1/auth/mfa/verify", json={"code": code}, headers=by_user)
    for body in ({"method": "totp"}, {"method": "sms"}, {"method": "sms", "phone": PHONE}):
        await http.post("/v1/auth/mfa/enroll", json=body, headers=by_user)
    code = (await latest_message(product.core, PHONE)).code
    await http.post("/v1/auth/mfa/verify", json={"code": code}, headers=by_user)
    for code in ("000000", _code(product, uri), "000000"):
        handle = (await _log_in(backend, email))["mfa_token"]
        await http.post("/v1/auth/mfa/verify", json={"mfa_token": handle, "code": code})
    await _passwordless_with_a_second_factor(product, backend, email)
    await _push(product, backend, party, tokens["user"]["id"], email)
    for method in ("totp", "sms", "sms"):
        body = {"method": method}
        await http.request("DELETE", "/v1/auth/mfa/unenroll", json=body, headers=by_user)
    await http.get(f"/v1/auth/users/{tokens['user']['id']}")


async def _passwordless_with_a_second_factor(product: Product, backend: ProjectClient, email: str) -> None:
    http = backend.http
    await http.post("/v1/auth/otp/send", json={"email": email})
    code = (await latest_message(product.core, email, template="sign_in_code")).code
    await http.post("/v1/auth/otp/verify", json={"email": email, "otp": code})
    await http.post("/v1/auth/magic-link/send", json={"email": email})
    token = (await latest_message(product.core, email, template="magic_link")).link_token
    await http.post("/v1/auth/magic-link/verify", json={"token": token})


async def _push(product: Product, backend: ProjectClient, party: RelyingParty, user: str, email: str) -> None:
    phone = await product.enrolled_phone(party)
    realm_id, uid = backend.project.realm_id, uid_of(USER, user)
    assert uid is not None

    async def a_linked_phone(work: Work) -> None:
        await set_push_integration(work, SetPushIntegration(realm_id, party.integration.id))
        owner = Owner(
            await read_realm(work, realm_id), await read_principal(work, ReadPrincipal(realm_id, uid))
        )
        await link_push(work, LinkPush(owner, phone.enrollment_id))

    await product.made(a_linked_phone)
    step = await _log_in(backend, email)
    asked = {"mfa_token": step["mfa_token"], "method": "push"}
    await backend.http.post("/v1/auth/mfa/verify", json=asked)
    await product.answer(phone, await product.fetched(phone), challenge=int(step["number"]))
    await backend.http.post("/v1/auth/mfa/verify", json=asked)


async def _demanded_second_factor(product: Product) -> None:
    backend = await product.backend(mfa_required=True)
    http, email = backend.http, an_email("obliged")
    await http.post("/v1/auth/signup", json={"email": email, "password": PASSWORD})
    step = await _log_in(backend, email)
    by_handle = {"Authorization": f"Bearer {step['mfa_token']}"}
    begun = await http.post("/v1/auth/mfa/enroll", json={"method": "totp"}, headers=by_handle)
    code = _code(product, begun.json()["totp_uri"])
    body = {"mfa_token": step["mfa_token"], "code": code}
    tokens = (await http.post("/v1/auth/mfa/verify", json=body)).json()
    await http.request("DELETE", "/v1/auth/mfa/unenroll", json={"method": "totp"}, headers=_by(tokens))


# --- the rest ----------------------------------------------------------------------------------------


async def _single_sign_on(product: Product, backend: ProjectClient) -> None:
    network = product.gateway.serving.providers
    provider = SamlProvider("https://idp.example", "https://idp.example/sign-in", ("not looked at",))

    async def a_provider(work: Work) -> None:
        await add_identity_provider(
            work, AddIdentityProvider(backend.project.realm_id, "okta", provider, (), network)
        )

    await product.made(a_provider)
    authorize = "/v1/auth/sso/authorize"
    for query in (
        "?provider=okta&state=x",
        "?provider=unknown",
        "?provider=okta&redirect_url=https://x.example",
    ):
        await backend.http.get(f"{authorize}{query}")
    await product.http.get(authorize, params={"provider": "okta"})
    states = []
    for _ in range(2):
        asked = {"provider": "okta", "login_id": backend.project.login_id}
        away = await product.http.get(authorize, params=asked)
        (state,) = parse_qs(urlsplit(away.headers["location"]).query)["RelayState"]
        states.append(state)
    callback = "/v1/auth/sso/callback"
    for state in (states[0], states[0], ""):
        await product.http.get(callback, params={"state": state, "error": "access_denied"})
    for state in (states[1], states[1]):
        await product.http.post(callback, data={"SAMLResponse": "e30=", "RelayState": state})
    await product.http.post(callback, json={})
    await product.http.get("/v1/auth/sso/metadata")


async def _sessions(backend: ProjectClient, email: str) -> None:
    http = backend.http
    mine, other, third = [await _log_in(backend, email) for _ in range(3)]
    listed = (await http.get("/v1/auth/sessions", headers=_by(mine))).json()["data"]
    others = [each["id"] for each in listed if not each["is_current"]]
    for session in (others[0], others[0]):
        await http.delete(f"/v1/auth/sessions/{session}", headers=_by(mine))
    await http.request("DELETE", "/v1/auth/sessions", json={"keep_current": True}, headers=_by(mine))
    for headers in (_by(mine), _by(mine), _by(other), _by(third), {}):
        await http.post("/v1/auth/logout", headers=headers)
    last = await _log_in(backend, email)
    await http.delete("/v1/auth/sessions", headers=_by(last))


async def _nothing_there(product: Product, backend: ProjectClient) -> None:
    for path in ("/v1/auth/nothing", "/v1/auth/users/usr%20x", "/s/protekt/v1/auth"):
        await backend.http.get(path)
    await backend.http.put("/v1/auth/login")
    await product.http.head("/v1/auth/users")
    read_only = await product.backend(project=backend.project, scopes=(Scope.AUTH_READ,))
    await read_only.http.get("/v1/auth/users")
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST"}
    await product.http.options("/v1/auth/login", headers=asked)
    backend.http.headers["X-Protekt-Key"] = "pk_live_wrong"
    await backend.http.get("/v1/auth/users")


async def _refused_bodies(
    http: httpx2.AsyncClient,
    operations: tuple[tuple[str, str], ...],
    some_id: str,
    credentials: Mapping[str, str] = NOTHING_MORE,
) -> None:
    """Bodies that are none, under credentials that are good."""
    for method, path in operations:
        for body, media_type in (
            (b"{", "application/json"),
            (b"{}", "application/json"),
            (b'{"email":7,"token":7,"code":7,"method":7,"name":7}', "application/json"),
            (b"{}", "text/plain"),
            (b" " * 70_000, "application/json"),
        ):
            url = f"/v1{path.replace('{id}', some_id)}"
            headers = {"Content-Type": media_type, **credentials}
            await http.request(method, url, content=body, headers=headers)


async def bodies_of(product: Product) -> tuple[dict[str, str], dict[str, str]]:
    """What must be sent with each of `ACCOUNT_BODIES`, and of `AUTH_BODIES`, for the body to be read."""
    account, backend = await product.account(), await product.backend()
    asked = {"email": an_email(), "password": PASSWORD}
    tokens = (await backend.http.post("/v1/auth/signup", json=asked)).json()
    return {"Authorization": f"Bearer {account.token}"}, {"X-Protekt-Key": backend.key, **_by(tokens)}


async def limited_answers(product: Product) -> None:
    """Whoever asks too often, under limits of one request; and too many wrong passwords."""
    account = await product.account()
    backend = await product.backend()
    for _ in range(2):
        await account.http.get("/v1/usage")
        await backend.http.get("/v1/auth/users")
        await product.http.get("/v1/auth/sso/metadata")
        await product.http.post("/v1/token", json={"email": account.email, "password": PASSWORD})
        await product.http.get("/links/magic?token=unknown")


async def throttled_answers(product: Product) -> None:
    """Whoever guesses, and whoever asks for too many codes."""
    backend = await product.backend()
    email = an_email()
    for _ in range(12):
        await backend.http.post("/v1/auth/login", json={"email": email, "password": "wrong"})
    for _ in range(5):
        await backend.http.post("/v1/auth/otp/send", json={"email": email})
