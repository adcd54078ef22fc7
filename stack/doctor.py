"""``python -m stack.doctor``: sends one request through the whole chain and reports which link is broken.

--compose asks the programs that docker compose has started, in place of those of make stack, and --kubernetes those
whose ports `kubectl port-forward` offers. With --numbers it also sends a known load, and holds the client's numbers
against those of GET /metrics, of GET /prometheus, of Prometheus and of the live dashboard.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from otel.support.api_key import KEY_VARIABLE, authorization
from otel.trace_store.jaeger import Jaeger
from otel.trace_store.json_over_http import JsonOverHttp
from otel.trace_store.store import TraceStore, TraceStoreError
from otel.trace_store.tempo import Tempo
from stack.installation import ComposeInstallation, Installation, KubernetesInstallation, NativeInstallation
from stack.links import QUICK_SECONDS, BrokenLinkError, get, reason, say
from stack.numbers import check
from stack.settings import StackSettings

TEXT = "One two three."
PATIENCE_SECONDS = 30.0
"""The time limit for a request to arrive everywhere: metrics leave every 5 or 10 s, traces and events within 5."""
POLL_SECONDS = 0.5
NO_KEY = ("401", "403")
NEEDS_KEY = "set TTSCOPE_API_KEY to a key with the scopes speak and observe: python -m server.keys create"


@dataclass(frozen=True, slots=True)
class DoctorRequest:
    """The request that was sent, with the ids from its answer."""

    request_id: str
    trace_id: str


def main() -> int:
    """Returns the exit code: 0 if all is well, 1 if a link is broken or numbers disagree, 2 if others disturbed it."""
    parser = argparse.ArgumentParser(
        prog="python -m stack.doctor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    url = f"http://127.0.0.1:{os.environ.get('TTSCOPE_PORT', '8010')}"
    parser.add_argument("--url", default=url, help="the server (default %(default)s)")
    parser.add_argument(
        "--compose",
        nargs="?",
        const="docker compose",
        metavar="COMMAND",
        help="what runs was started by Docker Compose; COMMAND is how that is called (%(const)s)",
    )
    parser.add_argument(
        "--kubernetes",
        nargs="?",
        const="kubectl --namespace=ttscope",
        metavar="COMMAND",
        help="what runs was started by Kubernetes; COMMAND is how kubectl is called (%(const)s)",
    )
    parser.add_argument("--numbers", action="store_true", help="compare the numbers of five places too")
    parser.add_argument(
        "--requests",
        type=int,
        default=60,
        help="with --numbers: requests of each of three ranges of words (default %(default)s, which take less than two "
        "minutes; quantiles are promised from 200)",
    )
    options, settings = parser.parse_args(), StackSettings()
    try:
        installation = _installation(options, settings)
        if not authorization():
            os.environ[KEY_VARIABLE] = installation.first_key()  # all checks send it
        examine(options.url, settings, installation)
        say("the chain is whole")
        return check.run(options.url, settings, options.requests) if options.numbers else 0
    except BrokenLinkError as broken:
        say(f"BROKEN  {broken}\n   next  {broken.cure}")
        return 1


def _installation(options: argparse.Namespace, settings: StackSettings) -> Installation:
    if options.kubernetes:
        return KubernetesInstallation(options.kubernetes)
    return ComposeInstallation(options.compose) if options.compose else NativeInstallation(settings)


def examine(url: str, settings: StackSettings, installation: Installation) -> None:
    """Checks link by link. Raises BrokenLinkError at the first broken one."""
    collector = f"{settings.url(settings.collector_health_port)}/"
    prometheus = settings.url(settings.prometheus_port)
    _answers("the server lives", f"{url}/health", installation.start + ", or make run")
    _answers("the server can speak", f"{url}/ready", "wait until it has loaded its voices; its log says why not")
    _answers("the Collector lives", collector, installation.start)
    _answers("Prometheus lives", f"{prometheus}/-/ready", installation.start)
    store = _trace_store(settings, installation.start)
    counted = _requests_in(prometheus)
    request = _speak(url)
    trace_id = _exported_trace(url, request)
    arrivals: dict[str, Callable[[], bool]] = {
        "the Collector wrote the event": lambda: request.request_id in installation.newest_events(),
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
            f"{installation.log}, and read the log of what did not get it",
        )


def _answers(name: str, url: str, cure: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=QUICK_SECONDS):  # noqa: S310 - our own addresses
            say(f"    ok  {name}")
    except (urllib.error.URLError, TimeoutError) as error:
        raise BrokenLinkError(f"{name}: not at {url} ({reason(error)})", cure) from None


def _trace_store(settings: StackSettings, start: str) -> TraceStore:
    """Returns Jaeger or Tempo, whichever answers. Raises BrokenLinkError if neither does."""
    jaeger, tempo = settings.url(settings.jaeger_port), settings.url(settings.tempo_port)
    stores: tuple[TraceStore, ...] = (
        Jaeger(JsonOverHttp(jaeger, QUICK_SECONDS)),
        Tempo(JsonOverHttp(tempo, QUICK_SECONDS)),
    )
    for store in stores:
        with suppress(TraceStoreError):
            store.check()
            say(f"    ok  {store.name} lives")
            return store
    raise BrokenLinkError(f"the trace store lives: no Jaeger at {jaeger}, no Tempo at {tempo}", start)


def _has_trace(store: TraceStore, trace_id: str) -> bool:
    try:
        return bool(store.trace(trace_id))
    except TraceStoreError:
        return False


def _speak(url: str) -> DoctorRequest:
    body = json.dumps({"text": TEXT}).encode()
    message = urllib.request.Request(f"{url}/tts", body, {"Content-Type": "application/json", **authorization()})  # noqa: S310
    try:
        with urllib.request.urlopen(message, timeout=60) as response:  # noqa: S310
            response.read()
            request = DoctorRequest(response.headers["X-Request-ID"], response.headers.get("X-Trace-ID", ""))
    except (urllib.error.URLError, TimeoutError) as error:
        cure = "read its log" if reason(error) not in NO_KEY else NEEDS_KEY
        raise BrokenLinkError(f"the server does not speak ({reason(error)})", cure) from None
    say(f"    ok  the server speaks: request {request.request_id}")
    return request


def _exported_trace(url: str, request: DoctorRequest) -> str:
    """Returns the trace id to look for: the request's own, or the server's newest if it was too busy to keep that."""
    if get(f"{url}/traces/{request.trace_id}", authorization()) is not None:
        return request.trace_id
    held = get(f"{url}/traces", authorization()) or {"last": []}
    if not held["last"]:
        return request.trace_id
    newest = str(held["last"][0]["trace_id"])
    say(f"        the server does not keep the trace of this request, so look for its newest: {newest}")
    return newest


def _wait_for(arrivals: dict[str, Callable[[], bool]]) -> list[str]:
    """Returns the names of the arrivals that did not happen in time."""
    missing = dict(arrivals)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing and time.monotonic() < deadline:
        for name, arrived in list(missing.items()):
            if arrived():
                say(f"    ok  {name}")
                del missing[name]
        time.sleep(POLL_SECONDS)
    return list(missing)


def _requests_in(prometheus: str) -> float:
    """Returns how many requests Prometheus has counted, over all servers; 0 before the first."""
    query = urllib.parse.urlencode({"query": "sum(tts_requests_total)"})
    answer = get(f"{prometheus}/api/v1/query?{query}")
    result = answer["data"]["result"] if answer else []
    return float(result[0]["value"][1]) if result else 0.0


if __name__ == "__main__":
    sys.exit(main())
