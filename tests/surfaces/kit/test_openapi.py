from typing import Any

import pytest
from jsonschema import Draft202012Validator

from server.surfaces.kit.body import Body
from server.surfaces.kit.limits import UNLIMITED
from server.surfaces.kit.openapi import openapi_document
from server.surfaces.kit.surface import Surface
from tests.surfaces.kit import claimants
from tests.surfaces.kit.asgi_client import Client
from tests.surfaces.kit.example import (
    DIALECT,
    ThingResponse,
    WhenResponse,
    anyone,
    device,
    health,
    surface,
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document(surface, version="1.2.3", server_url="https://sign.example")


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": document["components"]}


def test_a_document_names_the_surface(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Example API", "version": "1.2.3"}
    assert document["servers"] == [{"url": "https://sign.example"}]
    assert set(document["components"]["securitySchemes"]) == {"somebody"}


def test_every_route_is_an_operation(document: dict[str, Any]) -> None:
    operations = {(method.upper(), path) for path, item in document["paths"].items() for method in item}

    assert operations == {(route.method, route.template) for route in surface.routes}


def test_an_operation_says_what_it_takes_gives_and_refuses(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/v1/things"]["post"]

    assert operation["operationId"] == "make_thing"
    assert operation["summary"] == "POST /api/v1/things: a thing is made."
    assert operation["description"] == "It is gone at once."
    assert set(operation["responses"]) == {"201", "400", "408", "413", "415", "500", "503"}
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    taken = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert taken["required"] == ["thingId"]
    assert set(taken["properties"]) == {"thingId", "isBig", "title"}
    assert "security" not in operation


def test_ids_and_query_parameters_are_described(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/v1/doors/{id}/wait"]["get"]

    assert [(p["in"], p["name"], p["required"]) for p in operation["parameters"]] == [
        ("path", "id", True),
        ("query", "timeoutSeconds", False),
        ("query", "isPatient", False),
    ]
    assert operation["parameters"][0]["schema"]["maximum"] == 2**31 - 1
    assert operation["parameters"][1]["schema"] == {"type": "integer", "default": 1}
    assert operation["security"] == [{"somebody": []}]
    assert {"400", "404", "429"} <= set(operation["responses"])


def test_a_bodiless_status_has_no_body() -> None:
    responses = openapi_document(device, version="1")["paths"]["/api/v1/binds"]["post"]["responses"]

    assert "content" not in responses["429"]
    assert "content" not in responses["204"]
    assert "application/problem+json" in responses["500"]["content"]


async def test_answers_are_as_the_document_says(client: Client, document: dict[str, Any]) -> None:
    things = document["paths"]["/api/v1/things"]["post"]["responses"]
    made = await client.send("POST", "/api/v1/things", json_body={"thingId": 1})
    refused = await client.send("POST", "/api/v1/things", json_body={})

    for answer, media_type in ((made, "application/json"), (refused, "application/problem+json")):
        schema = things[str(answer.status)]["content"][media_type]["schema"]
        Draft202012Validator(resolved(document, schema)).validate(answer.json())


def test_texts_in_paths_and_forms_are_described() -> None:
    marked = openapi_document(claimants.marked, version="1")
    pages = openapi_document(claimants.pages, version="1")

    (parameter,) = marked["paths"]["/v1/users/{id}"]["get"]["parameters"]
    assert (parameter["name"], parameter["schema"]["type"]) == ("id", "string")
    form = pages["paths"]["/page"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    assert set(form["schema"]["properties"]) == {"SAMLResponse", "state"}
    assert form["schema"]["required"] == ["SAMLResponse"]
    assert {"303", "400", "413", "415"} <= set(pages["paths"]["/page"]["post"]["responses"])
    assert "options" not in marked["paths"]["/v1/login"]


def test_an_answer_may_have_one_of_several_bodies() -> None:
    models: tuple[type[Body], ...] = (ThingResponse, WhenResponse)
    several = Surface("several", base="/v1", dialect=DIALECT, title="Several")
    several.get("/x", guard=anyone, limit=UNLIMITED, gives={200: models, 204: None})(health)

    responses = openapi_document(several, version="1")["paths"]["/v1/x"]["get"]["responses"]

    names = [
        each["$ref"].rpartition("/")[2]
        for each in responses["200"]["content"]["application/json"]["schema"]["anyOf"]
    ]
    assert names == ["ThingResponse", "WhenResponse"]
    assert "content" not in responses["204"]
