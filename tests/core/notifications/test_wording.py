import pytest

from server.core.notifications.wording import WORDS, duration_of, words_of
from server.outbound.rendering import LOCALES


@pytest.mark.parametrize(
    ("minutes", "english", "german"),
    [
        (1, "1 minute", "1 Minute"),
        (15, "15 minutes", "15 Minuten"),
        (60, "60 minutes", "60 Minuten"),
        (90, "90 minutes", "90 Minuten"),
        (120, "2 hours", "2 Stunden"),
        (1440, "24 hours", "24 Stunden"),
        (10_080, "7 days", "7 Tage"),
    ],
)
def test_a_length_of_time_is_told_in_the_largest_unit_of_which_it_is_several(
    minutes: int, english: str, german: str
) -> None:
    assert duration_of(minutes, "en") == english
    assert duration_of(minutes, "de") == german


def test_a_language_that_the_product_does_not_speak_has_english_words() -> None:
    assert words_of("fr") == words_of("en")
    assert words_of("de-at") == words_of("de")
    assert set(WORDS) == set(LOCALES)


def test_the_languages_have_words_for_the_same_things() -> None:
    english, german = words_of("en"), words_of("de")
    assert english.factors.keys() == german.factors.keys()
    assert english.units.keys() == german.units.keys()
