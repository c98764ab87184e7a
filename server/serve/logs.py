"""One chain of processors for every line that a process logs, whoever logs it.

`structlog` loggers write through the chain directly; the standard library's loggers (uvicorn, hypercorn,
alembic, quart, asyncio, warnings) are led into the same chain. A line is JSON, or text for people. Only the
JSON lines of requests go past the chain, which would cost more than some requests do.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from server.serve.log_stream import LogStream
from server.serve.redaction import mask_secrets, redact
from server.serve.request_lines import RequestLines
from server.surfaces.kit.access_log import access_log, write_with_structlog

_LED_LOGGERS: Final = ("uvicorn", "uvicorn.error", "hypercorn.error", "alembic", "asyncio", "quart")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["json", "console"],
    *,
    stream: TextIO | None = None,
) -> None:
    """Everything this process logs from now on goes to *stream*, line by line, in one form.

    Uncaught exceptions and Python's warnings are lines too. uvicorn's and hypercorn's access logs are
    off: the HTTP kit logs requests itself.

    Args:
        level: The least that is logged.
        form: `json` for one object a line, `console` for text.
        stream: Where lines go; standard output if left out.
    """
    destination = stream or sys.stdout
    lines = LogStream(destination)
    chain = _chain(form, colors=destination.isatty())
    least = _LEVELS[level]

    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda name="": Lines(lines, str(name)),
        cache_logger_on_first_use=True,
    )
    if least > logging.INFO:
        access_log.write = None
    else:
        access_log.write = RequestLines(lines).write if form == "json" else write_with_structlog
    root = logging.getLogger()
    root.handlers = [IntoChain(chain, lines)]
    root.setLevel(least)
    for name in _LED_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)
    for name in ("uvicorn.access", "hypercorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], False
    # What these say at `info`, the instance's own lines already say.
    for name in ("uvicorn.error", "alembic"):
        logging.getLogger(name).setLevel(least if level == "debug" else max(least, logging.WARNING))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


class Lines:
    """A named logger that writes each line whole and at once."""

    def __init__(self, stream: LogStream, name: str) -> None:
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        """*line* is written."""
        self._stream.write(line)

    debug = info = warning = warn = error = exception = critical = fatal = log = msg


class IntoChain(logging.Handler):
    """Leads the standard library's records through the chain."""

    def __init__(self, chain: Sequence[Processor], stream: LogStream) -> None:
        super().__init__()
        self._processors = chain
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """*record* is written as one line."""
        lines = Lines(self._stream, record.name)
        try:
            event: Any = {"event": record.getMessage().rstrip("\n")}
            if record.exc_info:
                event["exc_info"] = record.exc_info
            for process in self._processors:
                event = process(lines, record.levelname.lower(), event)
        except Exception:  # noqa: BLE001 - a record that cannot be written is `logging`'s to report
            self.handleError(record)
        else:
            lines.msg(event)


def _chain(form: Literal["json", "console"], *, colors: bool) -> list[Processor]:
    pid = os.getpid()

    def add_origin(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["pid"] = pid
        if isinstance(logger, Lines) and logger.name:
            event.setdefault("logger", logger.name)
        return event

    rendering: list[Processor]
    if form == "json":
        rendering = [_as_json]
    else:
        rendering = [
            escape_controls,
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
        ]
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_origin,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
        *rendering,
        _mask_line,
    ]


def escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """No value can begin a line of its own, move the cursor or turn the direction of reading.

    A traceback keeps its lines, each behind a bar.
    """
    shown: EventDict = {}
    for key, value in event.items():
        if key in ("exception", "stack") and isinstance(value, str):
            shown[key] = "\n".join(f"  | {_escaped(line)}" for line in value.split("\n"))
        elif value is None or isinstance(value, int | float):
            shown[_escaped(key)] = value
        else:
            shown[_escaped(key)] = _escaped(value if isinstance(value, str) else _shown(value))
    return shown


def _mask_line(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    return mask_secrets(str(line))


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a line is worth more than a broken `__repr__`
        return f"<{type(value).__name__}>"


_encode: Final = json.JSONEncoder(default=_shown, check_circular=False).encode


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return _encode(event)


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger(__name__).critical("uncaught_exception", exc_info=(kind, error, trace))
