"""A surface's OpenAPI document, written from its routes."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.base.errors import (
    AppError,
    BodyTooLarge,
    BodyTooSlow,
    InternalError,
    InvalidFields,
    MalformedBody,
    RouteNotFound,
    TooManyRequests,
    Unavailable,
    UnsupportedMediaType,
)
from server.surfaces.kit.limits import By
from server.surfaces.kit.path_parameters import KINDS
from server.surfaces.kit.reading import FORM
from server.surfaces.kit.replying import JSON
from server.surfaces.kit.surface import Route, Surface

Mode = Literal["validation", "serialization"]
References = Mapping[Any, dict[str, Any]]
"""A reference by model and mode."""

OPENAPI_VERSION = "3.1.0"
REFERENCE = "#/components/schemas/{model}"
ERROR_SCHEMA = "Error"

_PHRASES = {
    200: "Done.",
    201: "Created.",
    202: "Accepted.",
    204: "Done; there is nothing to say.",
    302: "Elsewhere.",
    303: "Elsewhere, to be asked for by GET.",
}


def openapi_document(surface: Surface, *, version: str, server_url: str | None = None) -> dict[str, Any]:
    """The surface's document: each operation with what it takes, gives and refuses.

    Args:
        surface: Whose routes.
        version: The product's version.
        server_url: Where the surface is reached; left out when not known.

    Source: OpenAPI Specification 3.1.0.
    """
    references, schemas = _schemas(surface)
    if surface.dialect.schema:
        schemas[ERROR_SCHEMA] = dict(surface.dialect.schema)
    paths: dict[str, Any] = {}
    for route in surface.routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route, references)
    guards = {name: dict(scheme) for route in surface.routes for name, scheme in route.guard.schemes.items()}
    document: dict[str, Any] = {
        "openapi": OPENAPI_VERSION,
        "info": {"title": surface.title, "version": version},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": guards},
    }
    if surface.description:
        document["info"]["description"] = surface.description
    if server_url:
        document["servers"] = [{"url": server_url}]
    return document


def refusals_of(route: Route) -> list[type[AppError]]:
    """Every refusal that *route* may answer with, its own first."""
    found: dict[type[AppError], None] = dict.fromkeys(route.refuses)
    for refusal in (route.guard.refusal, route.guard.forbids):
        if refusal is not None:
            found[refusal] = None
    if route.takes is not None or route.form is not None:
        found.update(
            dict.fromkeys((MalformedBody, InvalidFields, BodyTooSlow, BodyTooLarge, UnsupportedMediaType))
        )
    if route.query is not None:
        found[InvalidFields] = None
    if route.parameters:
        found[RouteNotFound] = None
    if route.limit.by is not By.NOBODY or route.guard.refusal is not None:
        found[TooManyRequests] = None
    found.update(dict.fromkeys((InternalError, Unavailable)))
    return list(found)


def _operation(route: Route, references: References) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {**_answers(route, references), **_refusals(route)},
    }
    if (rest := route.doc.partition("\n")[2].strip()) != "":
        operation["description"] = rest
    if route.guard.schemes:
        operation["security"] = [{name: []} for name in route.guard.schemes]
    if route.takes is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {JSON: {"schema": references[route.takes, "validation"]}},
        }
    if route.form is not None:
        form = route.form.model_json_schema(by_alias=True)
        schema = _with_definitions(form, form.pop("$defs", {}))
        operation["requestBody"] = {"required": True, "content": {FORM: {"schema": schema}}}
    return operation


def _path_parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name, kind in route.parameters.items():
        yield {"name": name, "in": "path", "required": True, "schema": dict(KINDS[kind].schema)}


def _query_parameters(route: Route) -> Iterator[dict[str, Any]]:
    if route.query is None:
        return
    schema = route.query.model_json_schema(by_alias=True)
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        described = {key: value for key, value in member.items() if key not in ("title", "description")}
        described = _with_definitions(described, schema.get("$defs", {}))
        parameter = {"name": name, "in": "query", "required": name in required, "schema": described}
        if "description" in member:
            parameter["description"] = member["description"]
        yield parameter


def _with_definitions(schema: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """*schema* with what it refers to in its place: a parameter's schema stands alone."""
    if isinstance(schema, list):
        return [_with_definitions(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _with_definitions(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _with_definitions(value, definitions) for name, value in schema.items()}


def _answers(route: Route, references: References) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, models in route.models.items():
        answer: dict[str, Any] = {"description": _PHRASES.get(status, "Answered.")}
        schemas = [references[model, "serialization"] for model in models]
        if schemas:
            answer["content"] = {JSON: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}}
        answers[str(status)] = answer
    return answers


def _refusals(route: Route) -> dict[str, Any]:
    dialect = route.surface.dialect
    titles: dict[int, list[str]] = {}
    for error in refusals_of(route):
        told = titles.setdefault(dialect.status(error), [])
        if error.title not in told:
            told.append(error.title)
    answers: dict[str, Any] = {}
    for status in sorted(titles):
        answer: dict[str, Any] = {"description": "; ".join(titles[status]) + "."}
        if status not in dialect.bodiless and dialect.schema:
            schema = {"$ref": REFERENCE.format(model=ERROR_SCHEMA)}
            answer["content"] = {dialect.media_type: {"schema": schema}}
        answers[str(status)] = answer
    return answers


def _schemas(surface: Surface) -> tuple[References, dict[str, Any]]:
    """For each model and its use a reference, and the schemas that are referred to."""
    used: dict[tuple[type[BaseModel], Mode], None] = {}
    for route in surface.routes:
        if route.takes is not None:
            used[route.takes, "validation"] = None
        for model in (model for models in route.models.values() for model in models):
            used[model, "serialization"] = None
    references, definitions = models_json_schema(list(used), by_alias=True, ref_template=REFERENCE)
    return references, definitions.get("$defs", {})
