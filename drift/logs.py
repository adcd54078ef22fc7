"""Logs as JSON on standard error; of other libraries' records only the template, which holds no address."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

LOGGER = "ttscope"


class PlainFormatter(JsonFormatter):
    """Leaves out arguments of others' log calls: MLflow and urllib3 log addresses, which may hold passwords."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name.split(".")[0] != LOGGER:
            record = logging.makeLogRecord({**record.__dict__, "args": (), "exc_info": None, "exc_text": None})
        return super().format(record)


def configure(level: str) -> None:
    """Everything to standard error; others only from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter("{levelname}{name}{message}", style="{", timestamp=True))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(LOGGER).setLevel(level.upper())
    logging.captureWarnings(capture=True)
