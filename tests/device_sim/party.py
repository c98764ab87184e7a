"""The other side, small enough to read: an integration that speaks the device protocol in memory.

It builds and checks every string by itself, so that a mistake of the simulator cannot agree with itself.
"""

import base64
import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from nacl.signing import SigningKey

Body = dict[str, Any]
BASE_URL = "http://127.0.0.1:8080"


@dataclass
class Invited:
    """An enrollment as the server has it."""

    id: int
    token: str
    challenge: int
    status: str = "CREATED"
    key: str = ""
    wrong_challenges: int = 0

    @property
    def qr(self) -> str:
        """The invitation's text."""
        return json.dumps(
            {"enrollmentId": str(self.id), "enrollmentProofToken": self.token, "authUrl": BASE_URL}
        )


@dataclass
class Asked:
    """An attempt as the server has it."""

    id: int
    enrollment: Invited
    token: str
    challenge: int | None
    title: str | None
    message: str | None
    status: str = "PENDING"
    deny_reason: str | None = None


@dataclass
class Party:
    """One integration.

    Args:
        seed: Makes its key and its tokens; the same ones in every run.
        segments: Which bind form it signs.
        tamper: Somebody in the middle: gets the operation and its honest body, gives what arrives.
        refusals: Answers to give instead of the next ones, in order.
    """

    seed: int = 1
    segments: int = 10
    tamper: Callable[[str, Body], Body] | None = None
    refusals: list[httpx2.Response] = field(default_factory=list)
    name: str = "Acme Bank"
    enrollments: dict[int, Invited] = field(default_factory=dict)
    attempts: list[Asked] = field(default_factory=list)
    spent: set[str] = field(default_factory=set)
    requests: list[httpx2.Request] = field(default_factory=list)
    push_addresses: list[tuple[str, str]] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(456))

    def __post_init__(self) -> None:
        self.key = SigningKey(self.seed.to_bytes(32))
        self._random = random.Random(self.seed)  # noqa: S311 - the same tokens in every run are the point

    def token(self) -> str:
        """A new proof token."""
        return ".".join(unpadded(self._random.randbytes(size)) for size in (32, 16))

    def invite(self, challenge: int = 987654) -> Invited:
        """An enrollment that waits for its device."""
        enrollment = Invited(next(self.ids), self.token(), challenge)
        self.enrollments[enrollment.id] = enrollment
        return enrollment

    def ask(
        self,
        enrollment: Invited,
        *,
        challenge: int | None = None,
        title: str | None = "Payment",
        message: str | None = "Pay 50 EUR to Zoë",
    ) -> Asked:
        """An attempt that waits for its answer."""
        attempt = Asked(next(self.ids), enrollment, self.token(), challenge, title, message)
        self.attempts.append(attempt)
        return attempt

    def client(self) -> httpx2.AsyncClient:
        """A client whose every request comes here."""
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self.handle))

    @contextmanager
    def served(self) -> Iterator[str]:
        """The base URL of a loopback server that answers for this party."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to one request of a device."""
        self.requests.append(request)
        if self.refusals:
            return self.refusals.pop(0)
        operation = request.url.path.rpartition("/")[2]
        operations: dict[str, Callable[[Body], Body | int]] = {
            "bind": self._bind,
            "verify": self._verify,
            "pending": self._pending,
            "respond": self._respond,
            "instance-info": self._instance_info,
            "push-address": self._push_address,
        }
        answer = operations[operation](json.loads(request.content))
        if answer == 204:
            return httpx2.Response(204)
        if isinstance(answer, int):
            return a_problem(answer, f"{operation} failed")
        if self.tamper is not None:
            answer = self.tamper(operation, answer)
        return httpx2.Response(200, json=answer)

    def sign(self, *segments: str) -> str:
        """The integration's signature over the joined segments."""
        return unpadded(self.key.sign("|".join(segments).encode()).signature)

    def _bind(self, body: Body) -> Body | int:
        enrollment = self.enrollments.get(body["enrollmentId"])
        if enrollment is None or enrollment.token != body["enrollmentProofToken"]:
            return 400
        if enrollment.status != "CREATED":
            return 409
        enrollment.status = "BOUND"
        answer: Body = {
            "enrollmentProofToken": enrollment.token,
            "enrollmentId": enrollment.id,
            "integrationPublicKey": unpadded(bytes(self.key.verify_key)),
            "integrationKeyAlgorithm": "ed25519",
            "integrationName": self.name,
            "integrationDescription": "A bank",
            "enrollmentName": "John's phone",
            "tenantId": 2,
            "tenantName": "Acme Corp",
        }
        segments = [*(str(value) for value in answer.values()), ""]
        if self.segments == 12:
            answer["isSystemIntegration"] = True
            answer["adminType"] = "TENANT_ADMIN"
            segments += ["true", "TENANT_ADMIN"]
        return {**answer, "enrollmentBindPayloadSignedByIntegration": self.sign(*segments)}

    def _verify(self, body: Body) -> Body | int:
        enrollment = self.enrollments[body["enrollmentId"]]
        if enrollment.status != "BOUND":
            return 409
        challenge, key = body["challengeResponse"], body["devicePublicKey"]
        message = f"{enrollment.token}|{enrollment.id}|{challenge}|{key}"
        if not signed(key, message, body["enrollmentProofTokenSigned"]):
            return 400
        if challenge != enrollment.challenge:
            enrollment.wrong_challenges += 1
            enrollment.status = "INVALID" if enrollment.wrong_challenges == 3 else "BOUND"
            return 400
        enrollment.status, enrollment.key = "VERIFIED", key
        return {
            "active": True,
            "enrollmentVerifyMessage": "Enrollment verified",
            "enrollmentVerifyPayloadSignedByIntegration": self.sign(
                enrollment.token, str(enrollment.id), "VERIFIED", "Enrollment verified"
            ),
        }

    def _pending(self, body: Body) -> Body | int:
        enrollment = self.enrollments[body["enrollmentId"]]
        token = body["deviceProofToken"]
        if token in self.spent or not signed(enrollment.key, token, body["deviceProofTokenSigned"]):
            return 400
        waiting = [
            attempt
            for attempt in self.attempts
            if attempt.enrollment is enrollment and attempt.status in {"PENDING", "READ"}
        ]
        if not waiting:
            return 204
        self.spent.add(token)
        attempt = waiting[-1]
        attempt.status = "READ"
        required = attempt.challenge is not None
        answer: Body = {
            "authAttemptId": attempt.id,
            "authAttemptProofToken": attempt.token,
            "authAttemptChallengeRequired": required,
        }
        if attempt.title is not None:
            answer["contextTitle"] = attempt.title
        if attempt.message is not None:
            answer["contextMessage"] = attempt.message
        answer["authAttemptProofTokenSignedByIntegration"] = self.sign(
            attempt.token, "true" if required else "false", attempt.title or "", attempt.message or ""
        )
        return answer

    def _respond(self, body: Body) -> Body | int:
        found = [attempt for attempt in self.attempts if attempt.id == body["authAttemptId"]]
        if not found:
            return {
                "authAttemptId": body["authAttemptId"],
                "authAttemptResult": "FAILED",
                "authAttemptMessage": "No",
            }
        attempt = found[0]
        reason = body.get("authAttemptDenyReason")
        message = f"{attempt.token}|{'true' if body['authAttemptAccepted'] else 'false'}"
        if not signed(attempt.enrollment.key, message, body["authAttemptProofTokenSignedByDevice"]):
            return self._result(attempt, "FAILED")
        if attempt.status != "READ":
            return 409
        if not body["authAttemptAccepted"]:
            attempt.status, attempt.deny_reason = "REJECTED", reason
            return self._result(attempt, "DENIED")
        if attempt.challenge is not None and attempt.challenge != body.get("authAttemptChallengeResponse"):
            attempt.status = "INVALID"
            return self._result(attempt, "FAILED")
        attempt.status = "ACCEPTED"
        return self._result(attempt, "APPROVED")

    def _result(self, attempt: Asked, result: str) -> Body:
        return {
            "authAttemptId": attempt.id,
            "authAttemptResult": result,
            "authAttemptMessage": "Done",
            "authAttemptProofTokenResultSignedByIntegration": self.sign(
                attempt.token, str(attempt.id), result, "Done"
            ),
        }

    def _instance_info(self, body: Body) -> Body | int:
        found = [one for one in self.enrollments.values() if one.token == body["enrollmentProofToken"]]
        if not found:
            return 400
        return {
            "enrollmentId": found[0].id,
            "instanceName": "Acme MFA",
            "aboutUrl": "https://example.com/a|b",
            "instanceInfoPayloadSignedByIntegration": self.sign(
                found[0].token,
                str(found[0].id),
                "INSTANCE_INFO",
                "",
                "Acme MFA",
                "",
                "https://example.com/a|b",
            ),
        }

    def _push_address(self, body: Body) -> Body | int:
        enrollment = self.enrollments[body["enrollmentId"]]
        message = f"{body['deviceProofToken']}|PUSH_ADDRESS|{body['provider']}|{body['address']}"
        if not signed(enrollment.key, message, body["deviceProofTokenSigned"]):
            return 400
        self.push_addresses.append((body["provider"], body["address"]))
        return 204


def unpadded(data: bytes) -> str:
    """URL-safe Base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def a_problem(status: int, title: str, *, headers: dict[str, str] | None = None) -> httpx2.Response:
    """A refusal as RFC 9457 writes it."""
    return httpx2.Response(
        status,
        content=json.dumps(
            {
                "type": f"https://example.com/problems/{status}",
                "title": title,
                "status": status,
                "detail": "Because.",
            }
        ).encode(),
        headers={"Content-Type": "application/problem+json", **(headers or {})},
    )


def signed(public_key: str, message: str, signature: str) -> bool:
    """Whether the device signed *message*, by the plain rules of the libraries."""
    key = serialization.load_der_public_key(base64.b64decode(public_key))
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(base64.b64decode(signature), message.encode(), ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(base64.b64decode(signature), message.encode())
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _handler(party: Party) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = party.handle(
                httpx2.Request("POST", f"{BASE_URL}{self.path}", headers=dict(self.headers), content=body)
            )
            self.send_response_only(answer.status_code)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

    return Handler
