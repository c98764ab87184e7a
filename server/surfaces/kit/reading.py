"""What a route reads of its request: body, query, path, headers. All of it strict."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from server.base.errors import InvalidFields, MalformedBody, UnsupportedMediaType
from server.surfaces.kit.body import Body, Query
from server.surfaces.kit.exchange import current_exchange, decoded_pairs

MAX_DEPTH = 32
MAX_FIELD_NAME = 64
MAX_USER_AGENT = 512
FORM = "application/x-www-form-urlencoded"

BodyModel = TypeVar("BodyModel", bound=Body)
QueryModel = TypeVar("QueryModel", bound=Query)

_MEDIA_TYPE = re.compile(r"application/(?:json|[a-z0-9!#$&^_.-]+\+json)")
_UTF8_CHARSET = re.compile(r'charset=(?:utf-8|"utf-8")')
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WAIT = re.compile(r'wait\s*=\s*"?([0-9]{1,9})"?', re.IGNORECASE)

# What may be told of a member that is not as documented: never more than the contract says anyway.
_SENTENCES: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a member of this request",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be a smaller integer",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "datetime_type": "must be a date and time",
    "datetime_parsing": "must be a date and time",
    "datetime_from_date_parsing": "must be a date and time",
    "date_type": "must be a date",
    "date_parsing": "must be a date",
    "date_from_datetime_parsing": "must be a date",
    "timezone_aware": "must have an offset from UTC",
    "string_pattern_mismatch": "is not of the documented form",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}


async def read(model: type[BodyModel]) -> BodyModel:
    """The body as *model*.

    Raises:
        UnsupportedMediaType: It is not called JSON in UTF-8, or is compressed.
        MalformedBody: It is empty, not JSON (RFC 8259) in UTF-8, not an object, repeats a member, is nested
            too deeply, or holds NaN, an infinity, U+0000 or half a surrogate pair.
        InvalidFields: A member is missing or not as documented; `fields` says which, never its value.
        BodyTooLarge: It is longer than the instance accepts.
        BodyTooSlow: It did not arrive in time.
    """
    exchange = current_exchange()
    media_type = exchange.header("content-type")
    if media_type is not None and not is_json(media_type):
        raise UnsupportedMediaType
    if (exchange.header("content-encoding") or "identity").lower() != "identity":
        raise UnsupportedMediaType
    body = await exchange.body()
    if not body:
        raise MalformedBody
    if media_type is None:
        raise UnsupportedMediaType
    if not _is_plain_object(body):
        parse_object(body)
    try:
        # The second reading is the checked one: pydantic reads JSON strictly, and faster than dictionaries.
        read_model: BodyModel = model.__pydantic_validator__.validate_json(body, by_alias=True, by_name=False)
    except ValidationError as invalid:
        _refuse(invalid)
    return read_model


async def read_or_default(model: type[BodyModel]) -> BodyModel:
    """The body as *model*, or the model's defaults where there is no body.

    Raises:
        AppError: What `read` raises for a body that is there.
    """
    return await read(model) if await current_exchange().body() else model()


def read_query(model: type[QueryModel]) -> QueryModel:
    """The query string's parameters as *model*.

    Raises:
        InvalidFields: One is missing, not as documented, or given more than once.
    """
    return _of_pairs(model, current_exchange().query)


async def read_form(model: type[QueryModel]) -> QueryModel:
    """The body, a form of names and values, as *model*.

    Raises:
        UnsupportedMediaType: It is not called a urlencoded form, or is compressed.
        MalformedBody: It is not UTF-8, holds U+0000, or more than fifty fields.
        InvalidFields: One is missing, not as documented, or given more than once.
        BodyTooLarge: It is longer than the instance accepts.
        BodyTooSlow: It did not arrive in time.

    Source: URL Standard, section 5.1.
    """
    exchange = current_exchange()
    media_type = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type != FORM or (exchange.header("content-encoding") or "identity").lower() != "identity":
        raise UnsupportedMediaType("The body must be a urlencoded form")
    try:
        pairs = decoded_pairs(await exchange.body())
    except ValueError as cause:
        raise MalformedBody from cause
    return _of_pairs(model, pairs)


def _of_pairs(model: type[QueryModel], pairs: Iterable[tuple[str, str]]) -> QueryModel:
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise InvalidFields(fields={_field_name((name,)): "was given more than once"})
        given[name] = value
    try:
        return model.model_validate_strings(given, by_alias=True, by_name=False)
    except ValidationError as invalid:
        _refuse(invalid)


def path_id(name: str = "id") -> int:
    """The id at `{name:int32}` of the route's path: 1 to 2**31 - 1."""
    small_id: int = current_exchange().params[name]
    return small_id


def path_text(name: str = "id") -> str:
    """The text at `{name:text}` of the route's path: 1 to 128 letters, digits, `_`, `-`, `.` and `~`."""
    text: str = current_exchange().params[name]
    return text


def header(name: str) -> str | None:
    """The request header's value, its lines joined by commas; None if it was not sent."""
    return current_exchange().header(name.lower())


def user_agent() -> str | None:
    """What the client calls itself, as far as it can be shown in a list; None if it does not say."""
    said = header("user-agent") or ""
    return "".join(filter(str.isprintable, said))[:MAX_USER_AGENT] or None


def preferred_wait_seconds(at_most: int) -> int:
    """For how long the caller would rather wait than be told "nothing": 0 to *at_most* seconds.

    A preference that cannot be read is no preference.

    Source: RFC 7240, section 4.3 (`Prefer: wait=10`).
    """
    preferences = header("prefer")
    if preferences is None:
        return 0
    for preference in re.split(r"[,;]", preferences):
        if found := _WAIT.fullmatch(preference.strip()):
            return min(int(found[1]), at_most)
    return 0


@lru_cache(maxsize=64)
def is_json(media_type: str) -> bool:
    """Whether a Content-Type names JSON in UTF-8: `application/json` or `application/…+json`."""
    essence, *parameters = (part.strip().lower() for part in media_type.split(";"))
    if not _MEDIA_TYPE.fullmatch(essence):
        return False
    return all(
        not parameter.startswith("charset") or _UTF8_CHARSET.fullmatch(parameter) for parameter in parameters
    )


def _is_plain_object(body: bytes) -> bool:
    """Whether *body* is an object of texts, integers, flags and nulls without an escape or a repeated member.

    That is what nearly every honest body is, and quickly found out. Of another one nothing is known yet.
    """
    if b"\\" in body:
        return False
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return False
    if type(value) is not dict:
        return False
    kinds = [type(member) for member in value.values()]
    # Without escapes each text has two quotation marks; those of a repeated member would be too many.
    return _PLAIN.issuperset(kinds) and body.count(b'"') == 2 * (len(kinds) + kinds.count(str))


def parse_object(body: bytes) -> dict[str, Any]:
    """*body* as a JSON object, read so that no two readers could read it differently.

    Raises:
        MalformedBody: It is not that; see `read`.

    Source: RFC 8259; RFC 7493 (I-JSON) for what it leaves open.
    """
    try:
        text = body.decode()
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as cause:
        raise MalformedBody from cause
    if not isinstance(value, dict):
        raise MalformedBody
    # Both are rare in honest bodies, and looking for them costs next to nothing.
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        _check(value, MAX_DEPTH)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedBody
    return members


def _no_constant(_: str) -> NoReturn:
    raise MalformedBody


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise MalformedBody
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)

_PLAIN = frozenset({str, int, bool, type(None)})
_HALF_PAIR = re.compile("[\\ud800-\\udfff]")


def _check(value: object, depth: int) -> None:
    """*value* is not nested more than *depth* deep, and its texts can be stored and shown."""
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and _HALF_PAIR.search(value)):
            raise MalformedBody
        return
    children: Sequence[object] = ()
    if isinstance(value, dict):
        children = (*value.keys(), *value.values())
    elif isinstance(value, list):
        children = value
    else:
        return
    if depth == 0:
        raise MalformedBody
    for child in children:
        _check(child, depth - 1)


def _refuse(invalid: ValidationError) -> NoReturn:
    fields: dict[str, str] = {}
    for error in invalid.errors(include_url=False, include_input=False):
        if error["type"] == "json_invalid":
            raise MalformedBody from None
        fields.setdefault(_field_name(error["loc"]), _sentence(error))
    raise InvalidFields(fields=fields) from None


def _field_name(location: tuple[int | str, ...]) -> str:
    name = ".".join(map(str, location))
    # A name that the contract does not know came from the client, who might put anything there.
    return name if len(name) <= MAX_FIELD_NAME and _FIELD_NAME.fullmatch(name) else "(unnamed)"


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    sentence = _SENTENCES.get(error["type"], "is not valid")
    return sentence.format_map(error.get("ctx", {}))
