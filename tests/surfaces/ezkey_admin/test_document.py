import json
from typing import Any

from server.surfaces.ezkey_admin import surface
from server.surfaces.kit.openapi import openapi_document


def test_operations_have_different_names() -> None:
    names = [route.name for route in surface.routes]

    assert len(set(names)) == len(names)


def test_the_document_refers_to_nothing_that_is_not_in_it() -> None:
    document = openapi_document(surface, version="0")

    def references(value: Any) -> list[str]:  # noqa: ANN401 - JSON
        if isinstance(value, list):
            return [found for each in value for found in references(each)]
        if not isinstance(value, dict):
            return []
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for each in value.values() for found in references(each)]

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(json.loads(json.dumps(document)))) <= known


def test_the_bodies_of_verbs_may_be_left_out_and_no_others() -> None:
    operations = [
        operation
        for item in openapi_document(surface, version="0")["paths"].values()
        for operation in item.values()
    ]

    optional = {
        operation["operationId"]
        for operation in operations
        if not operation.get("requestBody", {"required": True})["required"]
    }
    assert optional == {"rotate_api_key", "rebind_enrollment"}
