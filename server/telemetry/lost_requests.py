"""Reports the requests that the server's last process did not finish."""

from __future__ import annotations

import logging

from server.lifecycle.journal import Journal
from server.logs import LOGGER
from server.telemetry.recorder import Recorder

log = logging.getLogger(f"{LOGGER}.app")


def report_lost(journal: Journal | None, recorder: Recorder) -> None:
    """Logs the requests that were in flight when the last server ended, counts them as errors, and begins the journal
    anew; without a journal none is known."""
    if journal is None:
        return
    for request in journal.lost:
        log.error(
            "a request was lost when the server ended",
            extra={
                "request_id": request.request_id,
                "endpoint": request.endpoint,
                "began": request.began,
                "machine_restarted": not request.same_boot,
            },
        )
        recorder.report_lost(request)
    journal.begin()
