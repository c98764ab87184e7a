"""The published documents, and what the product changes about them.

`tests/contracts/published/` has the documents as their authors published them; `divergences.json` has each
way in which the product is not as they say, with its reason. All of them are given as OpenAPI 3.1, whose
schemas are JSON schema, whatever version they were written in.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CONTRACTS = Path(__file__).parent.parent / "contracts"

# The Protekt document describes two APIs, told apart by the beginning of the path; both have one base. It
# marks no member of any answer as required; whatever it names is expected here, unless a divergence says
# otherwise.
PROTEKT = {"protekt_account": False, "protekt_auth": True}
PROTEKT_BASE, PROTEKT_AUTH = "/v1", "/auth/"
PROTEKT_REQUESTS = ("ProjectCreate", "ProjectUpdate", "ApiKeyCreate")
PUBLISHED = ("ezkey_device", "ezkey_integration", *PROTEKT)


@dataclass(frozen=True)
class Divergence:
    """One way in which the product's answers are not what a published document says, and why.

    Args:
        id: What tests call it.
        reason: Why, in a sentence.
        operations: The ids of the operations whose description `merge` changes; `*` for all; none for the
            whole document.
        merge: The change, as a JSON merge patch (RFC 7396).
        counterexample: For one that promises more than the published document: a value that it rules out,
            and where: a `schema` of the components, or the `operation` and `status` of an answer.
    """

    id: str
    reason: str
    merge: Mapping[str, Any]
    operations: tuple[str, ...] = ()
    counterexample: Mapping[str, Any] | None = None


@cache
def published(surface: str) -> Mapping[str, Any]:
    """The document as its authors published it; of one that describes several surfaces, this one's part."""
    if surface in PROTEKT:
        return _protekt(is_auth=PROTEKT[surface])
    document: dict[str, Any] = json.loads((CONTRACTS / "published" / f"{surface}.json").read_bytes())
    return document


@cache
def divergences(surface: str) -> tuple[Divergence, ...]:
    """Where the product says something else, in the order in which the changes are made."""
    entries = json.loads((CONTRACTS / "divergences.json").read_bytes())[surface]
    return tuple(
        Divergence(
            id=entry["id"],
            reason=entry["reason"],
            merge=entry["merge"],
            operations=tuple(entry.get("operations", ())),
            counterexample=entry.get("counterexample"),
        )
        for entry in entries
    )


def diverged(document: Mapping[str, Any], changes: Sequence[Divergence]) -> dict[str, Any]:
    """*document* with *changes*; itself it stays as it is."""
    changed: dict[str, Any] = deepcopy(dict(document))
    for change in changes:
        if not change.operations:
            changed = merged(changed, change.merge)
            continue
        for operations in changed["paths"].values():
            for method, operation in operations.items():
                if "*" in change.operations or operation["operationId"] in change.operations:
                    operations[method] = merged(operation, change.merge)
    return changed


def merged(target: object, patch: object) -> Any:  # noqa: ANN401 - JSON
    """*target* after a JSON merge patch. Source: RFC 7396, section 2."""
    if not isinstance(patch, Mapping):
        return deepcopy(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


# --- OpenAPI 3.0, as 3.1 -----------------------------------------------------------------------------


def _protekt(*, is_auth: bool) -> dict[str, Any]:
    """The part for one of the two APIs. Its operations have no ids; here they are called `GET /projects`."""
    text = (CONTRACTS / "published" / "protekt.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    paths: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        if path.startswith(PROTEKT_AUTH) is not is_auth:
            continue
        for method, operation in operations.items():
            paths.setdefault(PROTEKT_BASE + path, {})[method] = {
                **operation,
                "operationId": f"{method.upper()} {path}",
                "parameters": [_found(document, each) for each in operation.get("parameters", ())],
                "responses": {
                    status: _found(document, each) for status, each in operation["responses"].items()
                },
            }
    whole: dict[str, Any] = _modern(document, {**document, "openapi": "3.1.0", "paths": paths})
    answers = [
        *(schema for name, schema in whole["components"]["schemas"].items() if name not in PROTEKT_REQUESTS),
        *(operation["responses"] for item in whole["paths"].values() for operation in item.values()),
    ]
    for answer in answers:
        _complete(answer)
    return whole


def _found(document: Mapping[str, Any], described: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """What *described* is, or refers to."""
    if "$ref" not in described:
        return described
    found: Any = document
    for name in described["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def _modern(document: Mapping[str, Any], schema: Any) -> Any:  # noqa: ANN401 - JSON
    """*schema* in the words of JSON schema: null is a type, and an object made of several is one object."""
    if isinstance(schema, list):
        return [_modern(document, each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "allOf" in schema:
        parts = [_modern(document, _found(document, part)) for part in schema["allOf"]]
        return {
            "type": "object",
            "properties": {name: member for part in parts for name, member in part["properties"].items()},
        }
    modern = {name: _modern(document, value) for name, value in schema.items() if name != "nullable"}
    if schema.get("nullable") is True:
        modern["type"] = [schema["type"], "null"]
    return modern


def _complete(schema: Any) -> None:  # noqa: ANN401 - JSON
    """Every object in *schema* has all the members that are named."""
    if isinstance(schema, list):
        for each in schema:
            _complete(each)
    elif isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("required", sorted(schema["properties"]))
        for each in schema.values():
            _complete(each)
