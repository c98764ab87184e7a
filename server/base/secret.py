"""A value that never shows itself by accident."""

from typing import Final, NoReturn


class Secret:
    """Wraps text that must not reach a log, an error or a URL. `reveal` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """The text itself. Call this at the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Secrets are compared by `hmac.compare_digest` over what `reveal` gives, never by `==`."""
        return self is other

    __hash__ = object.__hash__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
