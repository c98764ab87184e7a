"""The tree of errors: that it is drawn as it is, and what each error carries."""

import inspect
import pickle
import re

import pytest

from countersign import errors
from countersign.errors import CountersignError, RateLimitError

CLASSES = [
    found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, CountersignError)
]


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").partition("An error says")[0].splitlines():
        if found := re.match(r"[ │├└─]*(?=\w+Error\b)(\w+)", line):
            above = [(column, name) for column, name in above if column < found.start(1)]
            drawn[found[1]] = above[-1][1] if above else None
            above.append((found.start(1), found[1]))

    is_a = {error.__name__: error.__mro__[1].__name__ for error in CLASSES}
    assert drawn == {**is_a, "CountersignError": None}


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.default_code for error in CLASSES]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", CLASSES)
def test_an_error_travels_between_processes_with_what_it_carries(error: type[CountersignError]) -> None:
    sent = error("No", status=429, code="too-many", request_id="r-1", retry_after=2.0)

    received = pickle.loads(pickle.dumps(sent))  # noqa: S301 - our own bytes

    assert type(received) is error
    assert vars(received) == vars(sent)
    assert str(received) == str(sent)


def test_the_text_of_an_error_names_the_request_when_the_server_named_it() -> None:
    assert str(RateLimitError("Too many requests")) == "Too many requests"
    assert str(RateLimitError("Too many requests", request_id="r-1")) == "Too many requests (request r-1)"
