"""Whatever is sent, nothing breaks, and every refusal has its documented shape.

schemathesis makes requests from the Ezkey documents, right ones and wrong ones; hypothesis changes signed
ones. Both get past the guard: the keys, ids and proof tokens in them are real where the generator left them
whole. The same requests are made in every run. The client checks each answer against the document.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.generated import MODES, GenerationMode, repeatable, requests, sent_bytes, sent_headers
from tests.support.contract import contracts
from tests.support.phone import Body, Phone
from tests.support.product import BASE_URL, Product, RelyingParty

OPERATIONS = [
    (surface, name)
    for surface in ("ezkey_device", "ezkey_integration")
    for name in contracts()[surface].operations
    if name != "getInstanceInfo"
]


@pytest.fixture
async def party(product: Product) -> RelyingParty:
    """A relying party of the test's own."""
    return await product.relying_party()


@pytest.fixture
async def phone(product: Product, party: RelyingParty) -> Phone:
    """A phone of one of its users."""
    return await product.enrolled_phone(party, user_identifier="jane")


@pytest.fixture
async def ended(party: RelyingParty, phone: Phone) -> int:
    """The id of an attempt that nobody has to wait for."""
    attempt_id: int = (await party.ask(phone))["authAttemptId"]
    await party.cancel(attempt_id)
    return attempt_id


# --- from the documents ------------------------------------------------------------------------------


def made_real(body: Any, phone: Phone) -> Any:  # noqa: ANN401 - JSON
    """*body* with the phone's id and proof token where it has an id and a token."""
    if not isinstance(body, dict):
        return body
    real = dict(body)
    if type(real.get("enrollmentId")) is int:
        real["enrollmentId"] = phone.enrollment_id
    if isinstance(real.get("enrollmentProofToken"), str):
        real["enrollmentProofToken"] = phone.proof_token
    return real


@repeatable
@given(data=st.data())
@MODES
@pytest.mark.parametrize(("surface", "name"), OPERATIONS)
async def test_requests_made_from_the_document_are_answered_as_it_says(
    product: Product,
    party: RelyingParty,
    phone: Phone,
    ended: int,
    data: st.DataObject,
    surface: str,
    name: str,
    mode: GenerationMode,
) -> None:
    sent = data.draw(requests(surface, name, mode)).as_transport_kwargs(base_url=BASE_URL)
    path = urlsplit(sent["url"]).path
    template = contracts()[surface].operations[name].template
    if "{id}" in template and data.draw(st.booleans(), label="a real id"):
        path = template.replace("{id}", str(ended))
    query = urlencode(sent.get("params") or {}, doseq=True, errors="surrogatepass")

    response = await product.http.request(
        sent["method"],
        httpx2.URL(f"{BASE_URL}{path}?{query}" if query else f"{BASE_URL}{path}"),
        content=sent_bytes(sent, lambda body: made_real(body, phone)),
        headers=sent_headers(sent, authorization=party.auth._auth_header),
    )

    assert response.status_code < 500, response.text


# --- from signed ones --------------------------------------------------------------------------------

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**31 - 1, 2**31, 2**63, 10**400])
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["", " ", "\0", "\ud800", "\u202e", "true", "1", "ACCEPTED", "%00", "'; --", "x" * 5000]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@dataclass(frozen=True)
class Change:
    """What becomes of a body. It is drawn without looking at the body, which is another in every run.

    Args:
        how: To replace, spoil, drop, rename or add a member.
        member: Which one, counted around.
        name: The new name.
        value: The new value.
        place: Where a text is spoiled, counted around.
        character: What is put there.
        damage: Then, in the text of the JSON: where, how much goes, and what comes instead.
    """

    how: str
    member: int
    name: str
    value: Any
    place: int
    character: str
    damage: tuple[int, int, bytes] | None

    def of(self, body: Body) -> bytes:
        """*body* as it is sent."""
        result = dict(body)
        member = sorted(body)[self.member % len(body)]
        value = result.pop(member)
        if self.how == "rename":
            result[self.name] = value
        elif self.how == "add":
            result |= {member: value, self.name: self.value}
        elif self.how == "spoil" and isinstance(value, str):
            place = self.place % len(value)
            result[member] = value[:place] + self.character + value[place + 1 :]
        elif self.how != "drop":
            result[member] = self.value
        text = json.dumps(result).encode()
        if self.damage is None:
            return text
        start, length, instead = self.damage
        start %= len(text)
        return text[:start] + instead + text[start + length :]


CHANGES = st.builds(
    Change,
    how=st.sampled_from(["replace", "spoil", "drop", "rename", "add"]),
    member=st.integers(0, 10),
    name=st.text(max_size=8),
    value=JSON_VALUES,
    place=st.integers(0, 200),
    character=st.characters(),
    damage=st.none() | st.tuples(st.integers(0, 400), st.integers(0, 8), st.binary(max_size=8)),
)


async def a_signed_body(product: Product, party: RelyingParty, phone: Phone, name: str) -> tuple[str, Body]:
    """The path of a device operation, and a body that it would take."""
    if name == "bind":
        return "enrollments/bind", (await product.invited_phone(party)).bind_body()
    if name == "verify":
        bound = await product.bound_phone(party)
        return "enrollments/verify", bound.verify_body(devicePrivateKeyStorageTier="STRONG")
    if name == "signedInstanceInfo":
        return "enrollments/instance-info", {"enrollmentProofToken": phone.proof_token}
    if name == "pushAddress":
        return "enrollments/push-address", phone.push_address_body("FCM", "somewhere")
    created = await party.ask(phone, challengeRequested=True)
    if name == "pending":
        return "auth-attempts/pending", phone.poll_body()
    fetched = await product.fetched(phone)
    return "auth-attempts/respond", phone.answer_body(
        fetched["authAttemptId"],
        fetched["authAttemptProofToken"],
        accepted=False,
        challenge=created["authAttemptChallenge"],
        authAttemptDenyReason="MISTAKE",
    )


@repeatable
@given(change=CHANGES)
@pytest.mark.parametrize("name", [name for surface, name in OPERATIONS if surface == "ezkey_device"])
async def test_a_signed_request_that_was_changed_breaks_nothing(
    product: Product, party: RelyingParty, phone: Phone, change: Change, name: str
) -> None:
    path, body = await a_signed_body(product, party, phone, name)

    response = await product.http.post(
        f"/api/v1/{path}", content=change.of(body), headers={"Content-Type": "application/json"}
    )

    assert response.status_code < 500, response.text


@repeatable
@given(change=CHANGES)
async def test_a_creation_that_was_changed_breaks_nothing(
    party: RelyingParty, phone: Phone, change: Change
) -> None:
    body: Body = {
        "enrollmentId": phone.enrollment_id,
        "userIdentifier": "jane",
        "challengeRequested": True,
        "contextTitle": "Pay",
        "contextMessage": "50 EUR",
    }

    response = await party.http.post(
        "/api/v1/auth-attempts",
        content=change.of(body),
        headers={"Content-Type": "application/json"},
        auth=party.auth,
    )

    assert response.status_code < 500, response.text
