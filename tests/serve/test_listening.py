"""The socket of an instance, and what is said when it cannot be had."""

import pytest

from server.serve.listening import listen, url_of
from server.serve.refusal import CannotStart


def test_a_free_port_is_taken_and_told() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_an_address_of_version_6_stands_in_brackets() -> None:
    with listen("::1", 0) as listener:
        assert url_of(listener).startswith("http://[::1]:")


@pytest.mark.parametrize("host", ["192.0.2.1", "x" * 300])
def test_a_host_that_is_not_ours_is_said(host: str) -> None:
    with pytest.raises(CannotStart, match="COUNTERSIGN_HOST"):
        listen(host, 0)


def test_a_port_is_taken_once() -> None:
    """The second is refused at once, before anybody is accepted on either."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} .* is taken"):
            listen("127.0.0.1", port)
