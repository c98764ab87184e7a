"""What two sets of durations are said to have in common."""

import random

import pytest

from tests.bench.alike import Comparison, Quartiles


def test_the_same_durations_tell_nothing() -> None:
    """Not even where many are equal."""
    for durations in ([1.0, 2.0, 3.0], [1.0] * 5, [1.0, 1.0, 2.0, 2.0, 2.0]):
        assert Comparison.of(durations, durations) == Comparison(0.5, 1.0)


def test_durations_that_are_all_longer_tell_everything() -> None:
    """U = 25 and 0, of a standard deviation of 4.787 around 12.5."""
    short, long = [1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]

    assert Comparison.of(long, short).greater == 1
    assert Comparison.of(short, long).greater == 0
    assert Comparison.of(short, long).chance == pytest.approx(0.00902, abs=1e-5)


def test_ties_count_half_and_make_the_deviation_smaller() -> None:
    """Ranks 1, 3, 3 against 3, 5.5, 5.5; ties of three and of two."""
    compared = Comparison.of([1.0, 2.0, 2.0], [2.0, 3.0, 3.0])

    assert compared.greater == pytest.approx(1 / 9)
    assert compared.chance == pytest.approx(0.0990, abs=1e-4)


def test_chance_is_seldom_small_where_there_is_no_difference_and_always_where_there_is() -> None:
    """Of two hundred pairs of the same distribution some five in a hundred are below 0.05."""
    drawn = random.Random(7)

    def durations(more: float) -> list[float]:
        return [drawn.lognormvariate(3, 0.2) + more for _ in range(100)]

    alike = [Comparison.of(durations(0), durations(0)).chance for _ in range(200)]
    assert sum(chance < 0.05 for chance in alike) < 25
    assert Comparison.of(durations(5), durations(0)).chance < 1e-6


def test_quartiles_overlap_by_what_the_narrower_shares() -> None:
    """In milliseconds."""
    wide, narrow = Quartiles.of([0.0, 0.001, 0.002, 0.003, 0.004]), Quartiles(2.5, 3, 4.5)

    assert wide == Quartiles(1.0, 2.0, 3.0)
    assert wide.overlap(narrow) == narrow.overlap(wide) == pytest.approx(0.25)
    assert wide.overlap(Quartiles(4, 5, 6)) == 0
    assert wide.overlap(Quartiles(2, 2, 2)) == 1
