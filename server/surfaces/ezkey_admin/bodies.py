"""What the bodies of this surface have in common."""

from typing import Annotated, TypeVar

from pydantic import AwareDatetime, Field

from server.core.changes import UNCHANGED, Unchanged
from server.surfaces.kit.body import CamelBody, StrictCamelBody

# The rules themselves are the core's (`server.core.shown_text`, `server.core.expiry`): here they are told.
_SHOWN = "in NFC and trimmed when they are stored; no control or text-direction characters"

Name = Annotated[
    str,
    Field(description=f"1 to 100 characters, {_SHOWN}, no `|`.", json_schema_extra={"minLength": 1}),
]
Description = Annotated[str, Field(description=f"Up to 500 characters, {_SHOWN}, no `|`.")]
Label = Annotated[
    str, Field(description=f"1 to 100 characters, {_SHOWN}.", json_schema_extra={"minLength": 1})
]
UserIdentifier = Annotated[
    str,
    Field(
        description="What the relying party calls its user: up to 255 characters, trimmed; "
        "no control or text-direction characters."
    ),
]
FutureInstant = Annotated[AwareDatetime, Field(description="RFC 3339, in the future and within ten years.")]

Value = TypeVar("Value")


class Answer(CamelBody):
    """An answer, in which what is not there is null."""

    omits_nulls = False


class ChangeBody(StrictCamelBody):
    """A change: only the members that are present are changed, and null clears where it is allowed."""

    def said(self, member: str, value: Value) -> Value | Unchanged:
        """*value*, if the body had this member."""
        return value if member in self.model_fields_set else UNCHANGED
