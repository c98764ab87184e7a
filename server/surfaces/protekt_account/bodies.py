"""What the bodies and queries of this surface have in common."""

from uuid import UUID

from server.base.errors import InvalidFields
from server.base.ids import uid_of
from server.surfaces.kit.protekt import PROJECT


def project_uid_of(text: str) -> UUID:
    """The project that a member or parameter `project_id` names, if there is one.

    Raises:
        InvalidFields: No project can have this id. The sentence is the core's for one that none has.
    """
    uid = uid_of(PROJECT, text)
    if uid is None:
        raise InvalidFields(fields={"project_id": "is not the id of one of your projects"})
    return uid
