"""What the bodies and queries of this surface have in common."""

from typing import TypeVar
from uuid import UUID

from server.base.errors import InvalidFields
from server.base.ids import uid_of
from server.core.changes import UNCHANGED, Unchanged
from server.surfaces.kit.body import SnakeBody
from server.surfaces.kit.protekt import PROJECT

Value = TypeVar("Value")


class ChangeBody(SnakeBody):
    """A change: only the members that are present are changed, and there is at least one."""

    def said(self, member: str, value: Value) -> Value | Unchanged:
        """*value*, if the body had this member."""
        return value if member in self.model_fields_set else UNCHANGED

    def check_says_something(self) -> None:
        """At least one member is to change.

        Raises:
            InvalidFields: None is.
        """
        if not self.model_fields_set:
            raise InvalidFields("The request changes nothing")


def project_uid_of(text: str) -> UUID:
    """The project that a member or parameter `project_id` names, if there is one.

    Raises:
        InvalidFields: No project can have this id. The sentence is the core's for one that none has.
    """
    uid = uid_of(PROJECT, text)
    if uid is None:
        raise InvalidFields(fields={"project_id": "is not the id of one of your projects"})
    return uid
