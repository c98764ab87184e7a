from dataclasses import dataclass

from server.core.changes import UNCHANGED, changed, names_of_changed


@dataclass
class Thing:
    """Something that changes."""

    name: str
    size: int | None
    kept: bool = True


def test_what_is_unchanged_stays_and_none_is_a_value_like_any_other() -> None:
    assert changed(UNCHANGED, "old") == "old"
    assert changed(None, "old") is None
    assert changed("new", "old") == "new"


def test_the_names_of_what_differs_are_in_order() -> None:
    assert names_of_changed(Thing("a", 1), Thing("b", None)) == "name, size"
    assert names_of_changed(Thing("a", 1), Thing("a", 1)) == ""
