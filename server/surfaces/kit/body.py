"""The base classes of wire models, and the types their members have.

A request model has `command()`, a response model `of(outcome)`. Request members are checked strictly: a
number is a JSON number, a flag a JSON boolean, a text a JSON string.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from server.base.ids import MAX_SMALL_ID

Int32 = Annotated[int, Field(strict=True, ge=1, le=MAX_SMALL_ID)]
"""A JSON integer from 1 to 2**31 - 1: ids and challenges. Neither 1.0 nor "1" nor true."""

_QUERY_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,9})")
_QUERY_FLAGS = {"true": True, "false": False}


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


def _instant_text(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


QueryInt = Annotated[int, BeforeValidator(_integer_in_string_form)]
"""An integer in a query string: decimal digits without leading zeros, up to ten of them."""

QueryId = Annotated[int, Field(ge=1, le=MAX_SMALL_ID), BeforeValidator(_integer_in_string_form)]
"""An id in a query string, from 1 to 2**31 - 1."""

QueryBool = Annotated[bool, BeforeValidator(_flag_in_string_form)]
"""`true` or `false` in a query string."""

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

    def to_json(self) -> bytes:
        """The model as JSON, by the names on the wire."""
        kind = type(self)
        written: bytes = kind.__pydantic_serializer__.to_json(
            self, by_alias=True, exclude_none=kind.omits_nulls
        )
        return written


class CamelBody(Body):
    """A body whose members are camelCase. Unknown members are ignored."""

    model_config = ConfigDict(alias_generator=to_camel)


class StrictCamelBody(CamelBody):
    """A body whose members are camelCase, and which has no others: an unknown member is refused."""

    model_config = ConfigDict(extra="forbid")


class SnakeBody(Body):
    """A body whose members are snake_case. Unknown members are ignored."""


class QueryFields(BaseModel):
    """The parameters of a query string, camelCase. Unknown ones are ignored.

    Numbers are `QueryInt`, flags `QueryBool`; the rest is text, a `Literal` or an enumeration.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )
