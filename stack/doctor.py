"""``python -m stack.doctor``: sends one request through the whole chain and reports which link is broken."""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otel.trace_store.jaeger import Jaeger
from otel.trace_store.json_over_http import JsonOverHttp
from otel.trace_store.store import TraceStore, TraceStoreError
from otel.trace_store.tempo import Tempo
from stack.settings import StackSettings

TEXT = "One two three."
PATIENCE_SECONDS = 30.0
"""The time limit for a request to arrive everywhere: metrics leave every 5 or 10 s, traces and events within 5."""
POLL_SECONDS = 0.5
QUICK_SECONDS = 5.0
"""The time limit for an answer of a healthy program."""
START = "start everything with make stack"


class BrokenLinkError(Exception):
    """A link of the chain is broken; ``cure`` is what to try next."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.cure = cure


@dataclass(frozen=True, slots=True)
class DoctorRequest:
    """The request that was sent, with the ids from its answer."""

    request_id: str
    trace_id: str


def main() -> int:
    """Returns the exit code: 0 if the chain is whole, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m stack.doctor", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8010", help="the server (default %(default)s)")
    settings = StackSettings()
    try:
        examine(parser.parse_args().url, settings)
    except BrokenLinkError as broken:
        _say(f"BROKEN  {broken}\n   next  {broken.cure}")
        return 1
    _say("the chain is whole")
    return 0


def examine(url: str, settings: StackSettings) -> None:
    """Checks link by link. Raises BrokenLinkError at the first broken one."""
    collector = f"{settings.url(settings.collector_health_port)}/"
    prometheus = settings.url(settings.prometheus_port)
    _answers("the server lives", f"{url}/health", START + ", or make run")
    _answers("the server can speak", f"{url}/ready", "wait until it has loaded its voices; its log says why not")
    _answers("the Collector lives", collector, START)
    _answers("Prometheus lives", f"{prometheus}/-/ready", START)
    store = _trace_store(settings)
    counted = _requests_in(prometheus)
    request = _speak(url)
    trace_id = _exported_trace(url, request)
    arrivals: dict[str, Callable[[], bool]] = {
        "the Collector wrote the event": lambda: _event_in(settings.events_folder, request),
        f"{store.name} has the trace": lambda: _has_trace(store, trace_id),
        "Prometheus has counted it": lambda: _requests_in(prometheus) > counted,
    }
    missing = _wait_for(arrivals)
    if len(missing) == len(arrivals):
        raise BrokenLinkError(
            "server -> Collector: nothing arrived",
            f"set OTEL_EXPORTER_OTLP_ENDPOINT={settings.url(settings.collector_grpc_port)} for the server, "
            "and look for export errors in its log",
        )
    if missing:
        raise BrokenLinkError(
            f"behind the Collector: these did not happen within {PATIENCE_SECONDS:.0f} s: {', '.join(missing)}",
            f"tail {settings.data_dir / 'logs' / 'collector.log'}, and the log of what did not get it beside that",
        )


def _answers(name: str, url: str, cure: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=QUICK_SECONDS):  # noqa: S310 - our own addresses
            _say(f"    ok  {name}")
    except (urllib.error.URLError, TimeoutError) as error:
        raise BrokenLinkError(f"{name}: not at {url} ({_reason(error)})", cure) from None


def _trace_store(settings: StackSettings) -> TraceStore:
    """Returns Jaeger or Tempo, whichever answers. Raises BrokenLinkError if neither does."""
    jaeger, tempo = settings.url(settings.jaeger_port), settings.url(settings.tempo_port)
    stores: tuple[TraceStore, ...] = (
        Jaeger(JsonOverHttp(jaeger, QUICK_SECONDS)),
        Tempo(JsonOverHttp(tempo, QUICK_SECONDS)),
    )
    for store in stores:
        with suppress(TraceStoreError):
            store.check()
            _say(f"    ok  {store.name} lives")
            return store
    raise BrokenLinkError(f"the trace store lives: no Jaeger at {jaeger}, no Tempo at {tempo}", START)


def _has_trace(store: TraceStore, trace_id: str) -> bool:
    try:
        return bool(store.trace(trace_id))
    except TraceStoreError:
        return False


def _speak(url: str) -> DoctorRequest:
    body = json.dumps({"text": TEXT}).encode()
    message = urllib.request.Request(f"{url}/tts", body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(message, timeout=60) as response:  # noqa: S310
            response.read()
            request = DoctorRequest(response.headers["X-Request-ID"], response.headers.get("X-Trace-ID", ""))
    except (urllib.error.URLError, TimeoutError) as error:
        raise BrokenLinkError(f"the server does not speak ({_reason(error)})", "read its log") from None
    _say(f"    ok  the server speaks: request {request.request_id}")
    return request


def _exported_trace(url: str, request: DoctorRequest) -> str:
    """Returns the trace id to look for: the request's own, or the server's newest if it was too busy to keep that."""
    if _get(f"{url}/traces/{request.trace_id}") is not None:
        return request.trace_id
    held = _get(f"{url}/traces") or {"last": []}
    if not held["last"]:
        return request.trace_id
    newest = str(held["last"][0]["trace_id"])
    _say(f"        the server does not keep the trace of this request, so look for its newest: {newest}")
    return newest


def _wait_for(arrivals: dict[str, Callable[[], bool]]) -> list[str]:
    """Returns the names of the arrivals that did not happen in time."""
    missing = dict(arrivals)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing and time.monotonic() < deadline:
        for name, arrived in list(missing.items()):
            if arrived():
                _say(f"    ok  {name}")
                del missing[name]
        time.sleep(POLL_SECONDS)
    return list(missing)


def _requests_in(prometheus: str) -> float:
    """Returns how many requests Prometheus has counted, over all servers; 0 before the first."""
    query = urllib.parse.urlencode({"query": "sum(tts_requests_total)"})
    answer = _get(f"{prometheus}/api/v1/query?{query}")
    result = answer["data"]["result"] if answer else []
    return float(result[0]["value"][1]) if result else 0.0


def _event_in(folder: Path, request: DoctorRequest) -> bool:
    """Returns whether the newest event file contains the request."""
    files = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    return bool(files) and request.request_id in files[-1].read_text(errors="replace")


def _get(url: str) -> Any:
    """Returns the JSON at ``url``, or None if there is none."""
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=QUICK_SECONDS) as response:  # noqa: S310
            return json.load(response)
    except (urllib.error.URLError, TimeoutError, json.JSONDecodeError):
        return None


def _reason(error: Exception) -> str:
    return str(error.code if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error))


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - it is a command


if __name__ == "__main__":
    sys.exit(main())
