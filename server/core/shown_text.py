"""Names and descriptions: what operators may write and people may read on a phone.

Every such text is stored in Unicode NFC and without white space around it; lengths are code points of
what is stored. Control characters, line breaks and bidirectional overrides are refused, since they could
make one text look like another. `|` is refused in what is not the last segment of a signed string
(docs/protocol/wire.md, 0.4).
"""

import unicodedata

from server.base.errors import InvalidFields
from server.base.text import is_showable

MAX_NAME_LENGTH = 100
MAX_DESCRIPTION_LENGTH = 500
MAX_USER_IDENTIFIER_LENGTH = 255


def name_of(text: str) -> str:
    """*text* as the name of a tenant, an integration or an enrollment: 1 to 100 characters, no `|`.

    Raises:
        InvalidFields: It is not a name; the field is `name`.
    """
    return _signable("name", free_name_of(text))


def description_of(text: str | None) -> str | None:
    """*text* as a description: at most 500 characters, no `|`; None when there is nothing in it.

    Raises:
        InvalidFields: It is not a description; the field is `description`.
    """
    description = free_description_of(text)
    return None if description is None else _signable("description", description)


def free_name_of(text: str) -> str:
    """*text* as a name that is never signed: 1 to 100 characters.

    Raises:
        InvalidFields: It is not a name; the field is `name`.
    """
    name = _one_line("name", text, MAX_NAME_LENGTH)
    if not name:
        raise InvalidFields(fields={"name": "must not be empty"})
    return name


def free_description_of(text: str | None) -> str | None:
    """*text* as a description that is never signed: at most 500 characters; None when there is nothing in it.

    Raises:
        InvalidFields: It is not a description; the field is `description`.
    """
    return None if text is None else _one_line("description", text, MAX_DESCRIPTION_LENGTH) or None


def label_of(text: str) -> str:
    """*text* as the label by which operators know a key: 1 to 100 characters.

    Raises:
        InvalidFields: It is not a label; the field is `label`.
    """
    label = _one_line("label", text, MAX_NAME_LENGTH)
    if not label:
        raise InvalidFields(fields={"label": "must not be empty"})
    return label


def user_identifier_of(text: str | None) -> str | None:
    """*text* as what the relying party calls its user: at most 255 characters; None when it is blank.

    It is matched as it was written, so it is trimmed and not normalised.

    Raises:
        InvalidFields: It is not a user identifier; the field is `userIdentifier`.
    """
    if text is None:
        return None
    return _checked("userIdentifier", text.strip(), MAX_USER_IDENTIFIER_LENGTH) or None


def _one_line(field: str, text: str, max_length: int) -> str:
    return _checked(field, unicodedata.normalize("NFC", text).strip(), max_length)


def _checked(field: str, text: str, max_length: int) -> str:
    if len(text) > max_length:
        raise InvalidFields(fields={field: f"must be at most {max_length} characters"})
    if not is_showable(text, multiline=False):
        raise InvalidFields(fields={field: "must not contain control or text-direction characters"})
    return text


def _signable(field: str, text: str) -> str:
    if "|" in text:
        raise InvalidFields(fields={field: "must not contain |"})
    return text
