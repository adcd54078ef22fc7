"""Turns the exception that ends a request, or an utterance of a socket, into its outcome."""

from __future__ import annotations

import asyncio
import logging

from otel.contract.values import Outcome
from server.errors import InternalError, ShuttingDown, SpeechError
from server.logs import LOGGER
from server.record import CLIENT_LEFT, RequestRecord

log = logging.getLogger(f"{LOGGER}.gate")


def finish_failed(record: RequestRecord, error: BaseException, status: int, *, stopping: bool) -> None:
    """Records how a request ended that has failed: by a SpeechError, or because its client has left or was too slow.

    ``status`` is the one that was sent, 0 if none was. ``stopping`` is whether the server cancels what has not ended
    within its drain timeout.
    """
    match error:
        case asyncio.CancelledError() if stopping:
            stopped = ShuttingDown("the server stopped before the request ended")
            record.finish(Outcome.ERROR, status or stopped.status, stopped)
        case SpeechError():
            record.finish(Outcome.REJECTED if error.refusal else Outcome.ERROR, status or error.status, error)
        case _:
            record.finish(Outcome.CANCELLED, status or CLIENT_LEFT)


def mistake(error: Exception, identifier: str) -> InternalError:
    """Logs an exception that the server's own code did not expect; returns the error for the client. ``identifier`` is
    the request's id."""
    log.error("a request failed by a mistake of the server", exc_info=error, extra={"request_id": identifier})
    return InternalError("the server failed because of a bug; its log has the reason under the request's id")
