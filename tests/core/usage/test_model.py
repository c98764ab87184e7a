from datetime import date, timedelta

from server.core.usage.model import days_from, days_until, month_of


def test_the_days_of_a_month_are_bits_that_fit_an_integer_of_the_database() -> None:
    first, last = date(2030, 1, 1), date(2030, 1, 31)

    assert days_from(first) == days_until(last) == 2**31 - 1
    assert (days_from(last), days_until(first)) == (1 << 30, 1)


def test_each_day_has_a_bit_of_its_own_and_the_days_between_two_have_theirs() -> None:
    days = [date(2030, 1, 1) + timedelta(number) for number in range(31)]
    bits = [days_from(day) & days_until(day) for day in days]

    assert bits == [1 << number for number in range(31)]
    assert days_from(days[9]) & days_until(days[11]) == sum(bits[9:12])


def test_a_month_is_called_by_its_first_day() -> None:
    assert month_of(date(2028, 2, 29)) == date(2028, 2, 1)
