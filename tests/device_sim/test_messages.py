"""The canonical strings, against the vectors and the protocol page."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from device_sim import messages
from device_sim.messages import AmbiguousMessage, SignedString
from tests.vectors import VALID, WIRE, Vector

BUILDERS: Mapping[str, Callable[..., SignedString]] = {
    "bind-response/10-segments": messages.bind_response,
    "bind-response/12-segments": messages.bind_response,
    "verify-response": messages.verify_response,
    "instance-info-response": messages.instance_info,
    "pending-response": messages.pending_response,
    "respond-response": messages.respond_response,
    "verify-request": messages.verify_request,
    "pending-request": messages.pending_request,
    "respond-request": messages.respond_request,
}


def built(vector: Vector) -> SignedString:
    """The string that the builder of the vector's kind makes of its input."""
    arguments: dict[str, Any] = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): value for name, value in vector.input.items()
    }
    arguments.pop("outcome", None)
    if "auth_attempt_accepted" in arguments:
        arguments["accepted"] = arguments.pop("auth_attempt_accepted")
    return BUILDERS[vector.kind](**arguments)


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector.id)
def test_every_vector_is_built_from_its_input(vector: Vector) -> None:
    string = built(vector)

    assert string.canonical() == vector.payload.encode()
    assert string.kind == vector.kind.partition("/")[0]


def test_the_vectors_speak_of_every_message_but_the_extensions() -> None:
    assert {vector.kind for vector in VALID} == set(BUILDERS)


def test_the_bytes_are_the_ones_whose_digest_the_vectors_give() -> None:
    for vector, entry in zip(VALID, WIRE["vectors"], strict=True):
        assert hashlib.sha256(built(vector).canonical()).hexdigest() == entry["payloadUtf8Sha256"]


def test_an_answer_is_the_token_and_the_decision_alone() -> None:
    """The reason of a denial is outside the signature."""
    denial = messages.respond_request(auth_attempt_proof_token="apt", accepted=False)

    assert denial.canonical() == b"apt|false"


def test_a_push_address_is_signed_with_its_purpose_and_provider() -> None:
    string = messages.push_address_request(device_proof_token="dpt", provider="APNS", address="a|b")

    assert string.canonical() == b"dpt|PUSH_ADDRESS|APNS|a|b"


def test_a_string_that_could_be_read_in_two_ways_is_refused() -> None:
    """Of the two readings in the vectors, only the one whose last segment holds the `|` has a string."""
    payload = WIRE["ambiguity"]["payload"]
    last, first = (
        messages.pending_response(
            auth_attempt_proof_token=payload.split("|")[0],
            auth_attempt_challenge_required=False,
            context_title=reading["contextTitle"],
            context_message=reading["contextMessage"],
        )
        for reading in WIRE["ambiguity"]["interpretations"]
    )

    assert last.canonical() == payload.encode()
    with pytest.raises(AmbiguousMessage, match="contextTitle"):
        first.canonical()


def test_what_is_shown_has_no_secret() -> None:
    for vector in VALID:
        shown = built(vector).shown()
        for name, text in vector.input.items():
            if name in {
                "enrollmentProofToken",
                "deviceProofToken",
                "authAttemptProofToken",
                "challengeResponse",
            }:
                assert (name, f"(secret, {len(str(text))} characters)") in shown
                assert str(text) not in str(shown)
