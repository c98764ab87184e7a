import asyncio
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.base.errors import MalformedBody
from server.surfaces.kit.exchange import Exchange, enter, leave
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.lanes.hot import LINE
from server.surfaces.kit.reading import is_json, parse_object, user_agent
from tests.surfaces.kit.asgi_client import Answer, Client

JSON = {"content-type": "application/json"}


async def make(client: Client, body: bytes, headers: Mapping[str, str] = JSON) -> Answer:
    return await client.send("POST", "/api/v1/things", body=body, headers=headers)


def problem(answer: Answer) -> str:
    assert answer.header("content-type") == "application/problem+json"
    return str(answer.json()["type"]).removeprefix("https://problems.example/")


async def test_a_body_is_read_by_its_names_on_the_wire(client: Client) -> None:
    answer = await make(client, '{"thingId": 2147483647, "title": "größer", "unknown": [1]}'.encode())

    assert answer.status == 201
    assert answer.json() == {"thingId": 2147483647, "title": "größer"}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/vnd.example+json",
        "application/json; version=1",
    ],
)
async def test_json_may_be_named_in_these_ways(client: Client, content_type: str) -> None:
    answer = await make(client, b'{"thingId":1}', {"content-type": content_type})

    assert answer.status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json, text/plain"},
        {"content-type": "application/jsonx"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_what_is_not_called_json_is_not_taken(client: Client, headers: Mapping[str, str]) -> None:
    answer = await make(client, b'{"thingId":1}', headers)

    assert answer.status == 415
    assert problem(answer) == "unsupported-media-type"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b'{"thingId":1} {}',
        b'{"thingId":1,}',
        b"{'thingId':1}",
        b'{"thingId":1,"thingId":1}',
        b'{"thingId":1,"x":{"y":1,"y":2}}',
        b'{"thingId":1,"thing\\u0049d":2}',
        b'{"thingId":1,"x":NaN}',
        b'{"thingId":1,"x":-Infinity}',
        b'{"thingId":1,"x":1e999}',
        b'{"thingId":01}',
        b'{"thingId":1,"x":"\x01"}',
        b'{"thingId":1,"x":"\\u0000"}',
        b'{"thingId":1,"x":"\\ud800"}',
        b'{"thingId":1,"x":"\\udc00\\ud800"}',
        b'{"thingId":1,"\\ud800":1}',
        b'{"thingId":1,"x":"\xff"}',
        b'{"thingId":1,"x":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"thingId":1}',
        '{"thingId":1}'.encode("utf-16"),
        b'{"thingId":1,"x":' + b"[" * 40 + b"]" * 40 + b"}",
        b"[" * 30_000 + b"]" * 30_000,
        b'{"thingId":' + b"9" * 5000 + b"}",
    ],
)
async def test_a_malformed_body_is_refused(client: Client, body: bytes) -> None:
    answer = await make(client, body)

    assert answer.status == 400
    assert problem(answer) == "malformed-body"
    assert "errors" not in answer.json()


async def test_many_brackets_in_a_text_are_no_depth(client: Client) -> None:
    answer = await make(client, json.dumps({"thingId": 1, "other": "[{" * 100}).encode())

    assert answer.status == 201


async def test_a_pair_of_surrogates_is_one_character(client: Client) -> None:
    answer = await make(client, b'{"thingId":1,"title":"\\ud83d\\ude00"}')

    assert answer.json()["title"] == "😀"


@pytest.mark.parametrize("value", ["1", 1.0, True, None, 0, -1, 2**31, [1], {}])
async def test_an_id_is_a_json_integer_of_31_bits(client: Client, value: object) -> None:
    answer = await make(client, json.dumps({"thingId": value}).encode())

    assert answer.status == 400
    assert problem(answer) == "invalid-fields"
    assert [error["field"] for error in answer.json()["errors"]] == ["thingId"]


async def test_members_are_known_by_their_names_on_the_wire_only(client: Client) -> None:
    answer = await make(client, b'{"thing_id":1}')

    assert answer.json()["errors"] == [{"field": "thingId", "message": "is required"}]


async def test_every_wrong_member_is_named_and_no_value_told(client: Client) -> None:
    answer = await make(client, b'{"thingId":"s3cret","isBig":"s3cret","title":"s3cret-too-long"}')

    assert answer.json()["errors"] == [
        {"field": "thingId", "message": "must be an integer"},
        {"field": "isBig", "message": "must be true or false"},
        {"field": "title", "message": "must have at most 10 characters"},
    ]
    assert b"s3cret" not in answer.body


async def test_a_strict_body_has_no_other_members(client: Client) -> None:
    answer = await client.send("POST", "/api/v1/things/exact", json_body={"thingId": 1, "thingid": 2})

    assert answer.json()["errors"] == [{"field": "thingid", "message": "is not a member of this request"}]


async def test_a_clients_own_name_for_a_member_is_not_repeated_if_it_is_not_one(client: Client) -> None:
    answer = await client.send("POST", "/api/v1/things/exact", json_body={"thingId": 1, "<b>" + "x" * 99: 2})

    assert answer.json()["errors"][0]["field"] == "(unnamed)"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("timeoutSeconds=1&timeoutSeconds=2", "timeoutSeconds"),
        ("other=1&other=1", "other"),
        ("timeoutSeconds=", "timeoutSeconds"),
        ("timeoutSeconds=01", "timeoutSeconds"),
        ("timeoutSeconds=1.0", "timeoutSeconds"),
        ("timeoutSeconds=%2B1", "timeoutSeconds"),
        ("timeoutSeconds=1_0", "timeoutSeconds"),
        ("timeoutSeconds=%201", "timeoutSeconds"),
        ("timeoutSeconds=%D9%A1", "timeoutSeconds"),
        ("timeoutSeconds=99999999999", "timeoutSeconds"),
        ("isPatient=1", "isPatient"),
        ("isPatient=True", "isPatient"),
    ],
)
async def test_a_query_parameter_is_exactly_as_documented(client: Client, query: str, field: str) -> None:
    answer = await client.send("GET", f"/api/v1/doors/1/wait?{query}", headers={"x-caller": "1"})

    assert answer.status == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("query", ["x=%ff", "x=%00", "a=1&" * 60])
async def test_an_unreadable_query_is_refused(client: Client, query: str) -> None:
    answer = await client.send("GET", f"/api/v1/doors/1/wait?{query}", headers={"x-caller": "1"})

    assert answer.status == 400
    assert problem(answer) == "invalid-fields"


async def test_query_parameters_have_defaults_and_unknown_ones_are_ignored(client: Client) -> None:
    answer = await client.send(
        "GET", "/api/v1/doors/1/wait?isPatient=true&timeoutSeconds=0&whatever=x", headers={"x-caller": "1"}
    )

    assert answer.status == 200


async def test_a_header_sent_twice_is_one_list(client: Client) -> None:
    answer = await client.send("GET", "/api/v1/things/7", headers=[("X-Title", "a"), ("x-title", "b")])

    assert answer.json() == {"thingId": 7, "title": "a, b"}


async def test_times_have_six_decimals_and_a_z_and_null_is_shown_where_it_is_meant(client: Client) -> None:
    answer = await client.send("GET", "/api/v1/when")

    body = answer.json()
    assert body["nothing"] is None
    assert len(body["at"]) == len("2026-01-31T12:00:00.000000Z")
    assert body["at"].endswith("Z")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_malformed_body(body: bytes) -> None:
    try:
        value = parse_object(body)
    except MalformedBody:
        return
    assert isinstance(value, dict)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        st.none() | st.booleans() | st.integers(-(2**63), 2**63),
    )
)
def test_an_honest_object_is_read_as_it_was_written(value: dict[str, object]) -> None:
    assert parse_object(json.dumps(value).encode()) == value
    assert parse_object(json.dumps(value, ensure_ascii=False).encode()) == value


def test_a_charset_is_utf8_or_not_said() -> None:
    assert is_json("application/json; charset=utf-8; charset=utf-8")
    assert not is_json("application/json; charset=utf-8; charset=latin-1")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ((), None),
        ((b"",), None),
        ((b"\x01\x7f",), None),
        ((b"a\x00b\x1b",), "ab"),
        ((b"caf\xe9/1",), "caf\xe9/1"),
        ((b"one", b"two"), "one, two"),
        ((b"x" * 600,), "x" * 512),
    ],
)
def test_what_a_program_calls_itself_is_read_as_far_as_it_can_be_shown(
    gateway: Gateway, sent: tuple[bytes, ...], shown: str | None
) -> None:
    exchange = Exchange(
        gateway.serving,
        surface="example",
        method="GET",
        path="/",
        raw_query=b"",
        raw_headers=[(b"user-agent", value) for value in sent],
        peer=None,
        receive=asyncio.Future,
        line=LINE,
    )
    entered = enter(exchange)
    try:
        assert user_agent() == shown
    finally:
        leave(entered)
