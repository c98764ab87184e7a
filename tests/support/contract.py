"""Clients that believe nothing: every answer is held against its surface's OpenAPI document.

    httpx2.AsyncClient(transport=Checked(httpx2.ASGITransport(gateway)), base_url="http://countersign.test")
    httpx2.AsyncClient(transport=Checked(httpx2.AsyncHTTPTransport()), base_url="http://127.0.0.1:8080")
    httpx2.Client(transport=CheckedSync(httpx2.HTTPTransport()), base_url="http://127.0.0.1:8080")

Checked are the path, the method, the status, the media type, the body with its formats, the headers that the
document demands, and what the server took as a good request. An answer's object has no member that its
schema does not name. Documents: those that others published, changed only as `divergences.json` says and
gives reasons for (`documents`); the rest is written from the product's routes.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx2
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from server.app import SURFACES
from server.surfaces.kit.openapi import openapi_document
from server.surfaces.kit.path_parameters import KINDS
from tests.support.documents import PROTEKT, PUBLISHED, Divergence, diverged, divergences, published

WRITTEN = [surface for surface in SURFACES if surface.name not in PUBLISHED]

JSON = "application/json"
PROBLEM = "application/problem+json"
FORM = "application/x-www-form-urlencoded"
HTML = "text/html"
METHODS = ("get", "post", "put", "patch", "delete")

_MOUNT = re.compile(r"^/s/[^/]+(?=/)")
_FORMATS = FormatChecker(formats=("date", "date-time", "uri", "uuid", "email"))
_PARAMETER = re.compile(r"\{([^}]*)\}")
# What stands in a path for a parameter of each type that a schema may have.
_SEGMENTS = {"integer": "[0-9]+", "string": KINDS["text"].pattern}


class ContractBroken(AssertionError):
    """An answer is not what the document says."""


@_FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@_FORMATS.checks("int64")
def _is_int64(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


# --- what is checked -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """One request and what was answered."""

    method: str
    path: str
    status: int
    headers: httpx2.Headers
    body: bytes
    request_body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status} {self.body[:500]!r}"

    @property
    def media_type(self) -> str:
        """Of the body, without its parameters."""
        content_type: str = self.headers.get("content-type", "")
        return content_type.partition(";")[0].strip().lower()

    @property
    def is_preflight(self) -> bool:
        """Whether it is what a browser was told before a script might call."""
        return self.method == "OPTIONS" and self.status == 204

    @property
    def plain_path(self) -> str:
        """The path as documents write it, without a mount prefix."""
        return _MOUNT.sub("", self.path)


@dataclass(frozen=True)
class Operation:
    """One operation of a document."""

    id: str
    method: str
    template: str
    description: Mapping[str, Any] = field(repr=False)

    @property
    def pointer(self) -> str:
        """Where the document describes it."""
        return f"/paths/{_escaped(self.template)}/{self.method.lower()}"

    def is_at(self, path: str) -> bool:
        """Whether *path* is one of its own: a number or a text stands where the document has a parameter."""
        return self._pattern.fullmatch(path) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        segments = {
            parameter["name"]: _SEGMENTS[parameter["schema"]["type"]]
            for parameter in self.description.get("parameters", ())
            if parameter["in"] == "path"
        }
        literal = True
        pattern = ""
        for part in _PARAMETER.split(self.template):
            pattern += re.escape(part) if literal else segments[part]
            literal = not literal
        return re.compile(pattern)


class Contract:
    """What one surface promises.

    Args:
        surface: Its name, as X-Surface says it.
        document: OpenAPI 3.1.
        refusals: The media type of refusals, where the document does not say it.
    """

    def __init__(self, surface: str, document: Mapping[str, Any], refusals: str = PROBLEM) -> None:
        self.surface = surface
        self.document = document
        self._refusals = refusals
        self.operations: dict[str, Operation] = {
            operation["operationId"]: Operation(operation["operationId"], method.upper(), template, operation)
            for template, path_item in document["paths"].items()
            for method, operation in path_item.items()
            if method in METHODS
        }
        self._validators: dict[str, Draft202012Validator] = {}
        self._open = _registry(document)
        self._closed = _registry(_without_other_members(document))

    def operation_of(self, method: str, path: str) -> Operation | None:
        """The operation that answers, the literal path before the one with an id in it."""
        found = [it for it in self.operations.values() if it.method == method and it.is_at(path)]
        return min(found, key=lambda it: it.template.count("{"), default=None)

    def methods_at(self, path: str) -> set[str]:
        """Which methods *path* takes."""
        return {it.method for it in self.operations.values() if it.is_at(path)}

    def check(self, answer: Answer, operation: Operation) -> None:
        """*answer* is as the document says of *operation*.

        Raises:
            ContractBroken: It is not.
        """
        self._check_surface(answer)
        if answer.method == "HEAD":
            if answer.body or str(answer.status) not in operation.description["responses"]:
                raise ContractBroken(f"{answer}: is not what GET would be, without its body")
            return
        self._check_answer(answer, operation.description["responses"], f"{operation.pointer}/responses")
        if answer.status < 300:
            self._check_request(answer, operation)

    def check_preflight(self, answer: Answer) -> None:
        """A browser's question is answered without a body; documents do not speak of it.

        Raises:
            ContractBroken: It is not.
        """
        self._check_surface(answer)
        if answer.body:
            raise ContractBroken(f"{answer}: a preflight has a body")

    def check_nothing_there(self, answer: Answer, methods: set[str]) -> None:
        """A path that no operation has, or a method that is not one of its *methods*, is refused.

        Raises:
            ContractBroken: It is not, or not in the surface's own shape.
        """
        self._check_surface(answer)
        allowed = set(re.split(r",\s*", answer.headers.get("allow", "")))
        if answer.status != (405 if methods else 404) or (methods and allowed - {"HEAD"} != methods):
            raise ContractBroken(f"{answer}: there is no such operation, but {methods or 'none'}")
        if answer.method != "HEAD":
            self._check_media_type(answer, ("*/*",))
            if self._refusals != HTML:
                schema = "Error" if "Error" in self.document["components"]["schemas"] else "ProblemDetail"
                self._check_json(answer, f"/components/schemas/{schema}", answer.body, closed=True)

    def _check_surface(self, answer: Answer) -> None:
        if answer.headers.get("x-surface") != self.surface:
            raise ContractBroken(f"{answer}: X-Surface does not say {self.surface}")

    def _check_answer(self, answer: Answer, responses: Mapping[str, Any], pointer: str) -> None:
        status = str(answer.status)
        if status not in responses:
            raise ContractBroken(f"{answer}: the status is not documented, but {sorted(responses)}")
        response, pointer = responses[status], f"{pointer}/{status}"
        for name, header in response.get("headers", {}).items():
            self._check_header(answer, name, header, f"{pointer}/headers/{_escaped(name)}/schema")
        content = response.get("content")
        if not content:
            # Metrics and pages are not JSON, and documents written from routes do not speak of them.
            plain = answer.status == 200 or answer.media_type == HTML
            if answer.body and (not plain or answer.media_type in {JSON, PROBLEM}):
                raise ContractBroken(f"{answer}: no body is documented")
            return
        documented = self._check_media_type(answer, tuple(content))
        if "schema" in content[documented]:
            schema = f"{pointer}/content/{_escaped(documented)}/schema"
            self._check_json(answer, schema, answer.body, closed=True)

    def _check_media_type(self, answer: Answer, documented: tuple[str, ...]) -> str:
        """Which of the *documented* media types the answer has. Where any would do, clients need JSON."""
        if answer.media_type in documented:
            return answer.media_type
        expected = JSON if answer.status < 400 else self._refusals
        if "*/*" not in documented or answer.media_type != expected:
            raise ContractBroken(f"{answer}: {answer.media_type!r} is not documented, but {documented}")
        return "*/*"

    def _check_header(self, answer: Answer, name: str, header: Mapping[str, Any], schema: str) -> None:
        value: str | None = answer.headers.get(name)
        if value is None:
            if header.get("required", False):
                raise ContractBroken(f"{answer}: there is no {name}")
            return
        encoded = value.encode() if header["schema"].get("type") == "integer" else json.dumps(value).encode()
        self._check_json(answer, schema, encoded, closed=False)

    def _check_request(self, answer: Answer, operation: Operation) -> None:
        """What was taken as good is good by the document."""
        body = operation.description.get("requestBody", {})
        if not answer.request_body and not body.get("required", False):
            return
        for media_type in body.get("content", {}):
            schema = f"{operation.pointer}/requestBody/content/{_escaped(media_type)}/schema"
            sent = answer.request_body
            if media_type == FORM:
                sent = json.dumps(dict(parse_qsl(sent.decode(), keep_blank_values=True))).encode()
            self._check_json(answer, schema, sent, closed=False)

    def _check_json(self, answer: Answer, pointer: str, text: bytes, *, closed: bool) -> None:
        try:
            value = json.loads(text)
        except ValueError as cause:
            raise ContractBroken(f"{answer}: {text[:200]!r} is not JSON") from cause
        try:
            self.check_value(pointer, value, closed=closed)
        except ContractBroken as broken:
            raise ContractBroken(f"{answer}: {broken}") from None
        if text is answer.body and answer.media_type == PROBLEM and value.get("status") != answer.status:
            raise ContractBroken(f"{answer}: the problem tells another status")

    def check_value(self, pointer: str, value: object, *, closed: bool = True) -> None:
        """*value* is as the schema at *pointer* says; *closed*: with no member that it does not name.

        Raises:
            ContractBroken: It is not.
        """
        faults = sorted(self._validator(pointer, closed=closed).iter_errors(value), key=_place)
        if faults:
            told = "\n".join(f"  {_place(fault)}: {fault.message}" for fault in faults)
            raise ContractBroken(f"is not {pointer}\n{told}")

    def _validator(self, pointer: str, *, closed: bool) -> Draft202012Validator:
        name = f"{pointer} {closed}"
        if name not in self._validators:
            self._validators[name] = Draft202012Validator(
                {"$ref": f"urn:contract#{quote(pointer, safe='/~')}"},
                registry=self._closed if closed else self._open,
                format_checker=_FORMATS,
            )
        return self._validators[name]


class Contracts:
    """The contracts of all surfaces."""

    def __init__(self, contracts: Sequence[Contract]) -> None:
        self._by_surface = {contract.surface: contract for contract in contracts}

    def __getitem__(self, surface: str) -> Contract:
        return self._by_surface[surface]

    def __iter__(self) -> Iterator[Contract]:
        return iter(self._by_surface.values())

    def check(self, answer: Answer) -> None:
        """*answer* is what its surface's document says.

        Raises:
            ContractBroken: It is not.
        """
        path, surface = answer.plain_path, answer.headers.get("x-surface", "")
        method = "GET" if answer.method == "HEAD" else answer.method
        if answer.is_preflight:
            self._by_surface[surface].check_preflight(answer)
            return
        # Where two documents claim a path, the one counts that the answer says is its own.
        for contract in sorted(self, key=lambda contract: contract.surface != surface):
            if (operation := contract.operation_of(method, path)) is not None:
                contract.check(answer, operation)
                return
        if surface not in self._by_surface:
            raise ContractBroken(f"{answer}: X-Surface names no surface")
        methods = {method for contract in self for method in contract.methods_at(path)}
        self._by_surface[surface].check_nothing_there(answer, methods)


def contract_of(surface: str, changes: Sequence[Divergence]) -> Contract:
    """The contract of a surface that others documented, with these *changes*."""
    return Contract(surface, diverged(published(surface), changes), JSON if surface in PROTEKT else PROBLEM)


@cache
def contracts() -> Contracts:
    """The contracts as they stand: published with their divergences, the others as their routes say."""
    told = [contract_of(name, divergences(name)) for name in PUBLISHED]
    written = [
        Contract(
            surface.name,
            json.loads(json.dumps(openapi_document(surface, version="0"))),
            surface.dialect.media_type.partition(";")[0],
        )
        for surface in WRITTEN
    ]
    return Contracts(told + written)


# --- clients -------------------------------------------------------------------------------------------


class Checked(httpx2.AsyncBaseTransport):
    """Another transport, each of whose answers is checked before anybody sees it.

    Args:
        transport: What carries the requests.
        seen: Every answer is added to it, when it is given.
    """

    def __init__(self, transport: httpx2.AsyncBaseTransport, seen: list[Answer] | None = None) -> None:
        self._transport = transport
        self._seen = seen

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, which is as the documents say.

        Raises:
            ContractBroken: It is not.
        """
        response = await self._transport.handle_async_request(request)
        await response.aread()
        _check(request, response, self._seen)
        return response

    async def aclose(self) -> None:
        """The transport is closed."""
        await self._transport.aclose()


class CheckedSync(httpx2.BaseTransport):
    """`Checked`, for clients without a loop."""

    def __init__(self, transport: httpx2.BaseTransport, seen: list[Answer] | None = None) -> None:
        self._transport = transport
        self._seen = seen

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, which is as the documents say.

        Raises:
            ContractBroken: It is not.
        """
        response = self._transport.handle_request(request)
        response.read()
        _check(request, response, self._seen)
        return response

    def close(self) -> None:
        """The transport is closed."""
        self._transport.close()


def _check(request: httpx2.Request, response: httpx2.Response, seen: list[Answer] | None) -> None:
    answer = Answer(
        method=request.method,
        path=_path(request.url),
        status=response.status_code,
        headers=response.headers,
        body=response.content,
        request_body=_sent(request),
    )
    contracts().check(answer)
    if seen is not None:
        seen.append(answer)


def _path(url: httpx2.URL) -> str:
    # What hides a slash is no other spelling of the path with a slash.
    raw = url.raw_path.partition(b"?")[0].decode()
    return raw if "%2f" in raw.lower() else url.path


def _sent(request: httpx2.Request) -> bytes:
    try:
        return request.content
    except httpx2.RequestNotRead:
        return b""


# --- JSON schema ---------------------------------------------------------------------------------------


def _registry(document: Mapping[str, Any]) -> Registry[Any]:
    resource = DRAFT202012.create_resource(document)
    registry: Registry[Any] = Registry().with_resource("urn:contract", resource)
    return registry


def _without_other_members(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """*schema*, in which an object has only the members that are named."""
    if isinstance(schema, list):
        return [_without_other_members(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {name: _without_other_members(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), Mapping) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _place(fault: ValidationError) -> str:
    return fault.json_path


def _escaped(segment: str) -> str:
    return segment.replace("~", "~0").replace("/", "~1")
