"""Keeps clients' text out of log lines, including those of libraries."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from types import TracebackType

from pythonjsonlogger.json import JsonFormatter

LOGGER = "ttscope"
"""The name of the common parent of our loggers."""
FIELDS = "{levelname}{name}{message}"
WITHHELD = "(a message that is not constant is left out)"
TRACE_ID = "trace_id"
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"taskName"}


class PrivateFormatter(JsonFormatter):
    """Writes a record as one JSON object, without anything that may hold a client's text, an address or a password.

    Our own records keep the message and the allowed fields of ``extra``. Records of libraries keep the name, level and
    source location, and the template of the message if its arguments are separate; a message without arguments may have
    been built from anything. Exceptions keep their types and frames, not their messages.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        """``allowed`` lists the fields of ``extra`` that our own records may have."""
        super().__init__(FIELDS, style="{", timestamp=True)
        self._allowed = STANDARD | {TRACE_ID, *allowed}

    def format(self, record: logging.LogRecord) -> str:
        is_own = record.name.split(".")[0] == LOGGER
        return super().format(self._own(record) if is_own else _foreign(record))

    def _own(self, record: logging.LogRecord) -> logging.LogRecord:
        fields = {name: value for name, value in record.__dict__.items() if name in self._allowed}
        return logging.makeLogRecord({**fields, "exc_text": None})

    def formatException(  # noqa: N802 - the name is logging's
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        kind, error, _ = ei
        if kind is None or error is None:
            return ""
        links: list[BaseException] = []
        while error is not None and error not in links:
            links.append(error)
            error = error.__cause__ or error.__context__
        return "\n".join(
            f"{type(link).__qualname__}\n{''.join(traceback.format_tb(link.__traceback__))}" for link in links
        )


def _foreign(record: logging.LogRecord) -> logging.LogRecord:
    constant = isinstance(record.msg, str) and bool(record.args)
    fields: dict[str, object] = {
        "name": record.name,
        "levelname": record.levelname,
        "levelno": record.levelno,
        "created": record.created,
        "msg": record.msg if constant else WITHHELD,
        "exc_info": record.exc_info,
        "source": f"{record.filename}:{record.lineno}",
    }
    if TRACE_ID in record.__dict__:
        fields[TRACE_ID] = record.__dict__[TRACE_ID]
    return logging.makeLogRecord(fields)


def configure(formatter: logging.Formatter, level: str) -> logging.Handler:
    """Logs our records from ``level`` up, and others' from warnings up, to standard error. Returns the handler.

    A line that can't be written is dropped; logging itself would write the whole record to standard error.
    """
    logging.raiseExceptions = False
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(LOGGER).setLevel(level.upper())
    logging.captureWarnings(capture=True)
    return handler
