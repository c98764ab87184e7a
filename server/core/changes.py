"""How a command says which parts of a thing change."""

from dataclasses import Field, fields
from enum import Enum
from typing import Any, ClassVar, Final, Protocol, TypeVar


class Unchanged(Enum):
    """The one value that leaves a part as it is. None is a value like any other: it clears the part."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED

Value = TypeVar("Value")


def changed(new: Value | Unchanged, old: Value) -> Value:
    """*new*, or *old* where nothing new was said."""
    return old if isinstance(new, Unchanged) else new


class Dataclass(Protocol):
    """Anything made by `@dataclass`."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def names_of_changed(old: Dataclass, new: Dataclass) -> str:
    """The names of the parts in which *new* differs from *old*, for an audit record: `description, name`."""
    names = (field.name for field in fields(new))
    return ", ".join(sorted(name for name in names if getattr(new, name) != getattr(old, name)))
