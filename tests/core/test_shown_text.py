import pytest

from server.base.errors import InvalidFields
from server.core.shown_text import description_of, label_of, name_of, user_identifier_of


def test_texts_are_trimmed_and_composed() -> None:
    assert name_of("\u00a0 Cafe\u0301\n") == "Café"
    assert description_of(" Cafe\u0301 ") == "Café"
    assert label_of(" Cafe\u0301 ") == "Café"


def test_a_user_identifier_is_trimmed_and_stays_as_it_was_written() -> None:
    assert user_identifier_of(" Cafe\u0301 ") == "Cafe\u0301"


def test_lengths_count_what_is_stored() -> None:
    assert name_of("e\u0301" * 100) == "é" * 100
    with pytest.raises(InvalidFields):
        name_of("é" * 101)


def test_emoji_with_joiners_are_kept() -> None:
    family = "👩\u200d👩\u200d👧"

    assert name_of(family) == family


@pytest.mark.parametrize("blank", ["", " ", "\n\u2003"])
def test_what_is_blank_is_no_name_no_label_and_no_description(blank: str) -> None:
    for needed in (name_of, label_of):
        with pytest.raises(InvalidFields):
            needed(blank)
    assert description_of(blank) is None
    assert user_identifier_of(blank) is None


def test_a_bar_is_refused_where_it_would_be_signed_and_nowhere_else() -> None:
    for signed in (name_of, description_of):
        with pytest.raises(InvalidFields):
            signed("a|b")
    assert label_of("a|b") == "a|b"
    assert user_identifier_of("a|b") == "a|b"
