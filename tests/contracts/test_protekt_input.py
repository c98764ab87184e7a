"""Whatever is sent to the Protekt surfaces, nothing breaks, and every answer has its documented shape.

As in `test_bad_input`. The credentials are good until an example ends them; ids, addresses and tokens are
real in half of the examples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.base.ids import public_id
from server.surfaces.kit.protekt import PROJECT
from tests.contracts.generated import MODES, GenerationMode, repeatable, requests, sent_bytes, sent_headers
from tests.support.accounts import APP, PASSWORD, Account, ProjectClient, an_email
from tests.support.contract import contracts
from tests.support.documents import PROTEKT
from tests.support.product import BASE_URL, Product

OPERATIONS = [
    (surface, name)
    for surface in PROTEKT
    for name in contracts()[surface].operations
    if name != "GET /auth/sso/metadata"  # which takes nothing
]


@dataclass(frozen=True)
class Known:
    """What a caller may know that is real.

    Args:
        ids: The id in a path, by the word before it.
        members: What members of bodies and queries may hold.
    """

    account: Account
    backend: ProjectClient
    access_token: str
    ids: Mapping[str, str]
    members: Mapping[str, str]

    def made_real(self, body: Any) -> Any:  # noqa: ANN401 - JSON
        """*body* with what is real where it has a text of that name."""
        if not isinstance(body, dict):
            return body
        return {
            name: self.members[name] if name in self.members and isinstance(value, str) else value
            for name, value in body.items()
        }

    def credentials(self, surface: str, *, as_user: bool) -> dict[str, str]:
        """The headers that a good caller of *surface* sends."""
        if surface == "protekt_account":
            return {"authorization": f"Bearer {self.account.token}"}
        by_key = {"x_protekt_key": self.backend.key}
        return by_key | ({"authorization": f"Bearer {self.access_token}"} if as_user else {})


@pytest.fixture
async def known(product: Product) -> Known:
    """An organization with a project, and a user of it with a session."""
    account = await product.account()
    backend = await product.backend(organization=account.organization)
    project = public_id(PROJECT, backend.project.id)
    credentials = {"email": an_email(), "password": PASSWORD}
    tokens = (await backend.http.post("/v1/auth/signup", json=credentials)).json()
    by_user = {"Authorization": f"Bearer {tokens['access_token']}"}
    (session,) = (await backend.http.get("/v1/auth/sessions", headers=by_user)).json()["data"]
    (member,) = (await account.http.get("/v1/members")).json()["data"]
    asked = {"project_id": project, "label": "Another"}
    key = (await account.http.post("/v1/api-keys", json=asked)).json()
    ids = {
        "projects": project,
        "api-keys": key["id"],
        "members": member["id"],
        "users": tokens["user"]["id"],
        "sessions": session["id"],
    }
    members = {
        **credentials,
        "project_id": project,
        "redirect_url": f"{APP}/",
        "token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "current_password": PASSWORD,
    }
    return Known(account, backend, tokens["access_token"], ids, members)


@settings(repeatable, max_examples=25)
@given(data=st.data())
@MODES
@pytest.mark.parametrize(("surface", "name"), OPERATIONS)
async def test_requests_made_from_the_document_are_answered_as_it_says(
    product: Product, known: Known, data: st.DataObject, surface: str, name: str, mode: GenerationMode
) -> None:
    sent = data.draw(requests(surface, name, mode)).as_transport_kwargs(base_url=BASE_URL)
    is_real, as_user = data.draw(st.booleans(), label="real"), data.draw(st.booleans(), label="by a user")
    template = contracts()[surface].operations[name].template
    path, query = urlsplit(sent["url"]).path, sent.get("params") or {}
    if is_real:
        path = template.replace("{id}", known.ids.get(template.split("/")[-2], ""))
        query = known.made_real(query)
    encoded = urlencode(query, doseq=True, errors="surrogatepass")

    response = await product.http.request(
        sent["method"],
        httpx2.URL(f"{BASE_URL}{path}?{encoded}" if encoded else f"{BASE_URL}{path}"),
        content=sent_bytes(sent, known.made_real if is_real else lambda body: body),
        headers=sent_headers(sent, **known.credentials(surface, as_user=as_user)),
    )

    assert response.status_code < 500, response.text
