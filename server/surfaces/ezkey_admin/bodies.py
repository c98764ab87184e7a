"""What the bodies of this surface have in common."""

from typing import TypeVar

from server.core.changes import UNCHANGED, Unchanged
from server.surfaces.kit.body import CamelBody, StrictCamelBody
from server.surfaces.kit.exchange import current_exchange
from server.surfaces.kit.reading import read

Value = TypeVar("Value")
Model = TypeVar("Model", bound=StrictCamelBody)


class Answer(CamelBody):
    """An answer, in which what is not there is null."""

    omits_nulls = False


class ChangeBody(StrictCamelBody):
    """A change: only the members that are present are changed, and null clears where it is allowed."""

    def said(self, member: str, value: Value) -> Value | Unchanged:
        """*value*, if the body had this member."""
        return value if member in self.model_fields_set else UNCHANGED


async def read_or_default(model: type[Model]) -> Model:
    """The body as *model*, or its defaults when there is no body.

    Raises:
        AppError: What `read` raises for a body that is there.
    """
    return await read(model) if await current_exchange().body() else model()
