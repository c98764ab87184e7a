"""The base classes of wire models, and the types their members have.

A request model has `command()`, a response model `of(outcome)`. Request members are checked strictly: a
number is a JSON number, a flag a JSON boolean, a text a JSON string.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from server.base.contact import MAX_EMAIL_CHARACTERS, email_address, phone_number
from server.base.ids import MAX_SMALL_ID
from server.base.urls import MAX_URL_LENGTH, is_redirect_target

Int32 = Annotated[int, Field(strict=True, ge=1, le=MAX_SMALL_ID)]
"""A JSON integer from 1 to 2**31 - 1: ids and challenges. Neither 1.0 nor "1" nor true."""

_QUERY_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,9})")
_QUERY_FLAGS = {"true": True, "false": False}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_AND_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _integer_in_string_form(value: object) -> object:
    if isinstance(value, str):
        if not _QUERY_INTEGER.fullmatch(value):
            raise ValueError("must be an integer")
        return int(value)
    return value


def _flag_in_string_form(value: object) -> object:
    if isinstance(value, str):
        if value not in _QUERY_FLAGS:
            raise ValueError("must be true or false")
        return _QUERY_FLAGS[value]
    return value


def _email(value: str) -> str:
    if (address := email_address(value)) is None:
        raise ValueError("must be an email address")
    return address


def _phone(value: str) -> str:
    if (number := phone_number(value)) is None:
        raise ValueError("must be a phone number in E.164 form, such as +2348012345678")
    return number


def _url(value: str) -> str:
    if not is_redirect_target(value):
        raise ValueError("must be an https URL without fragment (http only on a loopback host)")
    return value


def _date(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # the thirtieth of February
    raise ValueError("must be a date, such as 2026-01-31")


def _date_and_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        if _DATE_AND_TIME.fullmatch(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass  # 25 o'clock
    raise ValueError("must be a date and time with an offset from UTC, such as 2026-01-31T12:00:00Z")


def _instant_text(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


QueryInt = Annotated[int, BeforeValidator(_integer_in_string_form)]
"""An integer in a query string: decimal digits without leading zeros, up to ten of them."""

QueryId = Annotated[int, Field(ge=1, le=MAX_SMALL_ID), BeforeValidator(_integer_in_string_form)]
"""An id in a query string, from 1 to 2**31 - 1."""

QueryBool = Annotated[bool, BeforeValidator(_flag_in_string_form)]
"""`true` or `false` in a query string."""

Email = Annotated[
    str,
    AfterValidator(_email),
    Field(json_schema_extra={"format": "email", "maxLength": MAX_EMAIL_CHARACTERS}),
]
"""An e-mail address; its surrounding white space is taken off, and it is made NFC."""

Phone = Annotated[str, AfterValidator(_phone)]
"""A phone number in E.164 form; spaces, hyphens, dots and a pair of parentheses in it are taken out."""

Url = Annotated[
    str, AfterValidator(_url), Field(json_schema_extra={"format": "uri", "maxLength": MAX_URL_LENGTH})
]
"""A URL that a browser may be sent to: https, or http on a loopback host; no user name, no fragment."""

Day = Annotated[date, BeforeValidator(_date)]
"""A date such as 2026-01-31 (RFC 3339, full-date). In bodies and in query strings."""

GivenInstant = Annotated[datetime, BeforeValidator(_date_and_time)]
"""An instant that a caller names: RFC 3339, with an offset, so that it is aware."""

Instant = Annotated[
    datetime,
    PlainSerializer(_instant_text, return_type=str),
    Field(json_schema_extra={"format": "date-time"}),
]
"""An aware datetime, shown as UTC with six decimals: 2026-01-31T12:00:00.000000Z (RFC 3339)."""

_STRICT = ConfigDict(
    frozen=True,
    strict=True,
    extra="ignore",
    allow_inf_nan=False,
    hide_input_in_errors=True,
    validate_by_name=True,
    validate_by_alias=True,
    serialize_by_alias=True,
)


class Body(BaseModel):
    """What all wire models share. Routes use one of its subclasses."""

    model_config = _STRICT

    omits_nulls: ClassVar[bool] = True
    """Whether members that are None are left out of an answer, or shown as null."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The JSON schema; of an answer that leaves out what is None, no such member is required or null."""
        schema = handler(core_schema)
        if handler.mode == "serialization" and cls.omits_nulls:
            _leave_out_nulls(handler.resolve_ref_schema(schema))
        return schema

    def to_json(self) -> bytes:
        """The model as JSON, by the names on the wire."""
        kind = type(self)
        written: bytes = kind.__pydantic_serializer__.to_json(
            self, by_alias=True, exclude_none=kind.omits_nulls
        )
        return written


def _leave_out_nulls(schema: dict[str, Any]) -> None:
    """*schema*'s members that may be null may be absent instead."""
    for name, member in schema.get("properties", {}).items():
        choices = member.get("anyOf", [])
        if {"type": "null"} not in choices:
            continue
        rest = [choice for choice in choices if choice != {"type": "null"}]
        del member["anyOf"]
        member.update(rest[0] if len(rest) == 1 else {"anyOf": rest})
        schema["required"] = [other for other in schema.get("required", []) if other != name]


class CamelBody(Body):
    """A body whose members are camelCase. Unknown members are ignored."""

    model_config = ConfigDict(alias_generator=to_camel)


class StrictCamelBody(CamelBody):
    """A body whose members are camelCase, and which has no others: an unknown member is refused."""

    model_config = ConfigDict(extra="forbid")


class SnakeBody(Body):
    """A body whose members are snake_case. Unknown members are ignored."""


class SnakeAnswer(SnakeBody):
    """An answer whose members are snake_case, each of them always there: what there is none of is null."""

    omits_nulls = False


class Query(BaseModel):
    """The parameters of a query string. Unknown ones are ignored. Routes use one of its subclasses.

    Numbers are `QueryInt`, flags `QueryBool`; the rest is text, a `Literal` or an enumeration.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
    )


class QueryFields(Query):
    """Parameters whose names are camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)


class SnakeQuery(Query):
    """Parameters whose names are snake_case."""
