"""Any one character changed in anything that the integration signed is seen by the device."""

import unicodedata
from collections.abc import Awaitable, Callable, Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from device_sim import Device, IntegrationSignatureInvalid, Invitation
from device_sim.messages import MessageKind
from tests.device_sim.party import Body, Party

Step = Callable[[Party, Device], Awaitable[object]]


async def bind(party: Party, device: Device) -> object:
    return await device.bind()


async def verify(party: Party, device: Device) -> object:
    await device.bind()
    return await device.verify(987654)


async def instance_info(party: Party, device: Device) -> object:
    await verify(party, device)
    return await device.instance_info()


async def pending(party: Party, device: Device) -> object:
    await verify(party, device)
    party.ask(party.enrollments[device.enrollment.enrollment_id], challenge=42)
    return await device.pending()


async def respond(party: Party, device: Device) -> object:
    await verify(party, device)
    party.ask(party.enrollments[device.enrollment.enrollment_id])
    attempt = await device.pending()
    assert attempt is not None
    return await device.approve(attempt)


STEPS: Mapping[str, tuple[Step, MessageKind]] = {
    "bind": (bind, "bind-response"),
    "verify": (verify, "verify-response"),
    "instance-info": (instance_info, "instance-info-response"),
    "pending": (pending, "pending-response"),
    "respond": (respond, "respond-response"),
}
# `active` is under no signature and says the same as VERIFIED, which is; the id of an attempt is not under
# pending's signature either, and is when it is answered.
UNSIGNED = {"active", "pending.authAttemptId"}


def changed(value: object, draw: st.DataObject) -> object:
    """*value* with one character replaced, removed or added; a number with another digit; a flag flipped."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return draw.draw(st.integers(1, 2**31 - 1).filter(lambda number: number != value))
    assert isinstance(value, str)
    position = draw.draw(st.integers(0, len(value)))
    length = draw.draw(st.integers(0, 1))
    character = draw.draw(
        st.one_of(
            st.just(""), st.sampled_from("aA0-_=| \n\u200e\u0301"), st.characters(exclude_categories=["Cs"])
        )
    )
    return value[:position] + character + value[position + length :]


def same_text(one: object, other: object) -> bool:
    """Whether two texts are one in their composed form, and so are signed alike."""
    if not isinstance(one, str) or not isinstance(other, str):
        return one == other
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


@pytest.mark.parametrize("segments", [10, 12])
@pytest.mark.parametrize("operation", STEPS)
@settings(max_examples=60, deadline=None)
@given(draw=st.data())
async def test_one_changed_character_is_refused(operation: str, segments: int, draw: st.DataObject) -> None:
    step, kind = STEPS[operation]
    party = Party(segments=segments)

    def tamper(at: str, body: Body) -> Body:
        if at != operation:
            return body
        members = sorted(name for name in body if not {name, f"{at}.{name}"} & UNSIGNED)
        name = draw.draw(st.sampled_from(members))
        value = changed(body[name], draw)
        assume(not same_text(value, body[name]))
        return body | {name: value}

    party.tamper = tamper
    async with party.client() as http:
        device = Device.invited(Invitation.parse(party.invite().qr), algorithm="Ed25519", http=http)
        with pytest.raises(IntegrationSignatureInvalid) as caught:
            await step(party, device)

    assert caught.value.message == kind
    refused = device.journal[-1]
    assert refused.string.kind == kind
    assert refused.fault() == caught.value.reason


@pytest.mark.parametrize("operation", STEPS)
async def test_the_message_of_another_integration_is_refused(operation: str) -> None:
    """Its key is not the one that was bound; at bind, its signature is not over this enrollment."""
    step, kind = STEPS[operation]
    party, other = Party(), Party(seed=2)

    def forge(at: str, body: Body) -> Body:
        if at != operation:
            return body
        return {
            name: other.sign("forged") if name.endswith("SignedByIntegration") else value
            for name, value in body.items()
        }

    party.tamper = forge
    async with party.client() as http:
        device = Device.invited(Invitation.parse(party.invite().qr), http=http)
        with pytest.raises(IntegrationSignatureInvalid) as caught:
            await step(party, device)
    assert caught.value.message == kind


@pytest.mark.parametrize("operation", ["bind", "verify", "instance-info", "pending"])
async def test_a_message_without_a_signature_is_refused(operation: str) -> None:
    step, kind = STEPS[operation]
    party = Party()
    party.tamper = lambda at, body: {
        name: value
        for name, value in body.items()
        if at != operation or not name.endswith("SignedByIntegration")
    }
    async with party.client() as http:
        device = Device.invited(Invitation.parse(party.invite().qr), http=http)
        with pytest.raises(IntegrationSignatureInvalid, match="no signature") as caught:
            await step(party, device)
    assert caught.value.message == kind


async def test_the_members_of_the_twelve_form_cannot_be_stripped() -> None:
    party = Party(segments=12)
    party.tamper = lambda _, body: {
        name: value for name, value in body.items() if name not in {"isSystemIntegration", "adminType"}
    }
    async with party.client() as http:
        with pytest.raises(IntegrationSignatureInvalid):
            await Device.invited(Invitation.parse(party.invite().qr), http=http).bind()


async def test_the_members_of_the_twelve_form_cannot_be_added() -> None:
    party = Party()
    party.tamper = lambda _, body: body | {"isSystemIntegration": True}
    async with party.client() as http:
        with pytest.raises(IntegrationSignatureInvalid):
            await Device.invited(Invitation.parse(party.invite().qr), http=http).bind()


async def test_a_text_moved_across_a_bar_is_refused() -> None:
    """The signed bytes are the same; the segments are not."""
    party = Party()
    enrollment = party.invite()
    async with party.client() as http:
        device = await Device.enroll(Invitation.parse(enrollment.qr), enrollment.challenge, http=http)
        party.ask(enrollment, title="Transfer", message="100 EUR|to Bob")
        party.tamper = lambda _, body: body | {"contextTitle": "Transfer|100 EUR", "contextMessage": "to Bob"}
        with pytest.raises(IntegrationSignatureInvalid, match="contextTitle"):
            await device.pending()
