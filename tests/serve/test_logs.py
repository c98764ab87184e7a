"""What a line of the log says, and what it never says."""

import logging
import sys
import warnings
from typing import Literal

import pytest
import structlog

from server.base.secret import Secret
from server.serve.logs import configure_logs
from server.serve.redaction import HIDDEN
from tests.serve.conftest import Log
from tests.serve.test_redaction import OLDER_PROOF_TOKEN, PROOF_TOKEN

Form = Literal["json", "console"]


def test_a_line_is_one_json_object(log: Log) -> None:
    configure_logs("info", "json", stream=log.stream)
    structlog.get_logger("a.name").info("something happened", count=3)

    line = log.line
    assert (line["event"], line["count"], line["level"], line["logger"]) == (
        "something happened",
        3,
        "info",
        "a.name",
    )
    assert line["timestamp"].endswith("Z")


def test_the_standard_librarys_loggers_write_the_same_lines(log: Log) -> None:
    configure_logs("info", "json", stream=log.stream)
    logging.getLogger("uvicorn.error").error("it %s", "broke", exc_info=ValueError("why"))

    assert (log.line["event"], log.line["logger"], log.line["level"]) == (
        "it broke",
        "uvicorn.error",
        "error",
    )
    assert "ValueError: why" in log.line["exception"]


def test_warnings_of_python_are_lines(log: Log) -> None:
    configure_logs("info", "json", stream=log.stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old ways", stacklevel=1)

    assert "old ways" in log.line["event"]


def test_less_than_the_level_is_not_logged(log: Log) -> None:
    configure_logs("warning", "json", stream=log.stream)
    structlog.get_logger("a").info("quiet")
    logging.getLogger("b").info("quiet")

    assert log.text == ""


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Cookie",
        "authProofToken",
        "client_secret",
        "password",
        "challenge",
        "deviceSignature",
        "private_key",
        "skey",
    ],
)
@pytest.mark.parametrize("form", ["json", "console"])
def test_what_sounds_secret_is_hidden_at_any_depth(name: str, form: Form, log: Log) -> None:
    configure_logs("info", form, stream=log.stream)
    structlog.get_logger().info(
        "asked", **{name: "sesame", "deep": [{name: "sesame"}], "number": {name: 471_147}}
    )

    assert "sesame" not in log.text
    assert "471147" not in log.text
    assert HIDDEN in log.text


def test_a_secret_does_not_show_itself(log: Log) -> None:
    configure_logs("info", "json", stream=log.stream)
    structlog.get_logger().info("held", thing=Secret("sesame"), things=(Secret("sesame"),))

    assert (log.line["thing"], log.line["things"]) == (HIDDEN, [HIDDEN])


@pytest.mark.parametrize(
    "secret",
    [f"ezkey_skey_{'a1' * 20}", f"ezkey_okey_{'b2' * 10}_{'C3_-' * 10}abc", PROOF_TOKEN, OLDER_PROOF_TOKEN],
)
def test_secrets_are_known_by_their_shape(secret: str, log: Log) -> None:
    """In messages, values and tracebacks alike, whatever they are called."""
    configure_logs("info", "json", stream=log.stream)
    structlog.get_logger().error(
        f"refused {secret}", what=f"<{secret}>", exc_info=ValueError(f"not {secret}!")
    )

    assert secret not in log.text
    assert log.line["what"] == f"<{HIDDEN}>"


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_value_begins_a_line_of_its_own(form: Form, log: Log) -> None:
    configure_logs("info", form, stream=log.stream)
    forged = '\n{"event": "forged"}\r\x1b[2J\u2028\u202e'
    structlog.get_logger().info(f"asked{forged}", path=forged, **{forged: 1})

    assert len(log.text.splitlines()) == 1
    assert "\x1b" not in log.text
    assert "\u202e" not in log.text


def test_a_traceback_forges_no_line_on_the_console(log: Log) -> None:
    configure_logs("info", "console", stream=log.stream)
    structlog.get_logger().error("failed", exc_info=ValueError("\n2026-01-01 [info] forged\x1b[2J"))

    first, *rest = log.text.splitlines()
    assert "failed" in first
    assert all(line.startswith("  | ") for line in rest)
    assert "\x1b" not in log.text


def test_a_line_that_cannot_be_written_breaks_nothing(log: Log) -> None:
    configure_logs("info", "json", stream=log.stream)
    logger = structlog.get_logger()
    logger.info("works")
    log.stream.close()
    logger.info("lost")


def test_a_value_that_cannot_be_shown_breaks_nothing(log: Log) -> None:
    class Shy:
        def __repr__(self) -> str:
            raise ValueError("no")

    endless: list[object] = []
    endless.append(endless)
    configure_logs("info", "json", stream=log.stream)
    structlog.get_logger().info("odd", shy=Shy(), endless=endless, keys={1: b"\xff"})

    assert log.line["shy"] == "<Shy>"
    assert log.line["keys"] == {"1": "b'\\xff'"}


def test_what_nobody_catches_is_a_line(log: Log) -> None:
    configure_logs("info", "json", stream=log.stream)
    sys.excepthook(ValueError, ValueError("why"), None)

    assert (log.line["event"], log.line["level"]) == ("uncaught_exception", "critical")
