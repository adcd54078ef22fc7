"""Which telemetry of a load has arrived: counted by Prometheus, as traces in Jaeger, as events for the drift job."""

from __future__ import annotations

import time
import urllib.error

from tests.cluster.deployment import Deployment
from tests.cluster.load import Load
from tests.http_calls import fetch

COUNTED = "sum(max_over_time(tts_requests_total[1h]))"
SETTLE_SECONDS = 120.0
PAUSE_SECONDS = 10.0


class Arrivals:
    """What arrives of the requests that are sent from now on."""

    def __init__(self, cpu: Deployment) -> None:
        self._cpu = cpu
        self._before = cpu.value(COUNTED)

    def missing(self, load: Load) -> dict[str, int]:
        """Waits until what is still on its way has arrived; returns how much never did, of answers with a trace."""
        traces = {attempt.trace for attempt in load.attempts if attempt.trace}
        deadline, last = time.monotonic() + SETTLE_SECONDS, None
        while True:
            now = {
                "counts": round(len(traces) - (self._cpu.value(COUNTED) - self._before)),
                "traces": len(traces) - self._kept(traces),
                "events": len(traces) - self._written(traces),
            }
            if max(now.values()) <= 0 or (now == last and time.monotonic() > deadline):
                return {what: max(0, number) for what, number in now.items()}
            last = now
            time.sleep(PAUSE_SECONDS)

    def _kept(self, traces: set[str]) -> int:
        with self._cpu.forward("service/jaeger", 16686) as url:
            return sum(has_trace(url, trace) for trace in traces)

    def _written(self, traces: set[str]) -> int:
        written = events(self._cpu)
        return sum(trace in written for trace in traces)


def has_trace(url: str, trace: str) -> bool:
    """Whether the Jaeger at ``url`` has a trace."""
    try:
        return bool(fetch(f"{url}/api/v3/traces/{trace}"))
    except urllib.error.HTTPError:
        return False


def events(cpu: Deployment) -> str:
    """Returns the files of events that the drift job reads."""
    script = "import pathlib; [print(file.read_text()) for file in pathlib.Path('/events/events').iterdir()]"
    return cpu.kubectl("exec", "collector-0", "--container=drift", "--", "python", "-c", script)
