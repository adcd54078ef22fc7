"""Parts of the pipeline go away under load and come back: nothing that was kept is lost, and nobody waits.

What else the machine does makes requests slower, but not what the server does for them: that nobody waits is seen by
the processor's time for a request, and by how much of what a client waits is spent in a request's stages.
"""

from __future__ import annotations

import os
import re
import statistics
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.http_calls import speak
from tests.integration.test_stack import FAST_EXPORT, HISTOGRAMS, SHORT, exposed, total
from tests.server_process import LiveServer
from tests.stack import Stack, eventually

pytestmark = pytest.mark.timeout(1800)  # as in test_stack

CLIENTS = 2
BEFORE_SECONDS, AFTER_SECONDS = 5.0, 5.0
AWAY_SECONDS = float(os.environ.get("TTSCOPE_TEST_AWAY_SECONDS", "15"))
"""Several retries of every exporter and of the Collector; TTSCOPE_TEST_AWAY_SECONDS=60 makes it a minute."""
ALL_TRACES = {"TTSCOPE_TRACES_PER_SECOND": "1000"}
LITTLE_ROOM = {"OTEL_BSP_MAX_QUEUE_SIZE": "64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64"}
"""For spans: a few seconds without a Collector fill it."""
LEAVING = (("processor", "processed"), ("exporter", "exported"))
RECOVERY_SECONDS = 90.0
GROWTH_BYTES = 100_000_000


@dataclass(frozen=True)
class Moment:
    """What has been done until then."""

    requests: int
    processor_seconds: float

    def seconds_each_since(self, before: Moment) -> float:
        """Of the processor, for a request."""
        return (self.processor_seconds - before.processor_seconds) / (self.requests - before.requests)


@dataclass
class Load:
    """Clients that speak one request after the other until told to stop."""

    server: LiveServer
    pause: float = 0.0
    """The seconds of each client between its requests."""
    statuses: list[int] = field(default_factory=list)
    trace_ids: list[str] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    """Of the time that the client waited for each, the share in which no stage was at work on it."""
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._client) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                self._stop.set()
            for client in clients:
                client.result()

    def now(self) -> Moment:
        """How far it is; of the processor, the whole server's time."""
        server = psutil.Process(self.server.process.pid)
        used = [process.cpu_times() for process in (server, *server.children(recursive=True))]
        return Moment(len(self.statuses), sum(times.user + times.system for times in used))

    def assert_nobody_waited(self, begin: Moment, away: Moment, back: Moment) -> None:
        """While something was away; it was all there from ``begin`` on."""
        assert away.requests < back.requests
        assert statistics.median(self.idle[away.requests : back.requests]) < 0.5
        assert back.seconds_each_since(away) < 2 * away.seconds_each_since(begin)

    def _client(self) -> None:
        while not self._stop.wait(self.pause):
            begun = time.monotonic()
            status, headers, _ = speak(self.server.url, SHORT)
            waited = time.monotonic() - begun
            worked = sum(float(number) for number in re.findall(r"(?<!total);dur=([\d.]+)", headers["Server-Timing"]))
            self.idle.append(1 - worked / 1000 / waited)
            self.statuses.append(status)
            self.trace_ids.append(headers["X-Trace-ID"])
            self.request_ids.append(headers["X-Request-ID"])


@pytest.fixture
def server(stack: Stack, data_dir: Path) -> Iterator[LiveServer]:
    with exporting(stack, data_dir) as server:
        yield server


@contextmanager
def exporting(stack: Stack, data_dir: Path, **environment: str) -> Iterator[LiveServer]:
    """A server that has spoken once."""
    ours = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": stack.endpoint,
        "TTSCOPE_CACHE_BYTES": "0",  # each request is to be work
        **FAST_EXPORT,
        **ALL_TRACES,
    }
    with LiveServer(data_dir, **ours, **environment) as server:
        speak(server.wait_until_ready().url, SHORT)
        yield server


def all_spans_left(url: str) -> bool:
    """Whether the Collector has taken every span that the server made."""
    samples = exposed(url)
    left, taken = (total(samples, f"otel_sdk_{it}_span_{done}_total") for it, done in LEAVING)
    return left == taken > 0 and total(samples, "otel_sdk_processor_span_queue_size") == 0


def missing_traces(stack: Stack, trace_ids: list[str]) -> set[str]:
    """Those that can't be opened, after a while."""
    missing = set(trace_ids)

    def all_found() -> bool:
        missing.difference_update({trace_id for trace_id in missing if stack.spans(trace_id)})
        return not missing

    eventually(all_found, RECOVERY_SECONDS)
    return missing


def trace_store_leaves(stack: Stack) -> None:
    """Jaeger as by a crash. Tempo in order: a crash takes what came in its last half second."""
    leave = stack.supervisor.stop if stack.trace_store == "tempo" else stack.kill
    leave(stack.trace_store)


@dataclass
class Export:
    """The server's own account of its spans, as Prometheus has it, and what the trace store has of them."""

    stack: Stack
    instance: str
    begun: float
    """When it had not started yet."""

    @classmethod
    def of_the_last(cls, stack: Stack, begun: float) -> Export:
        """Of the server that came last, after ``begun``."""
        rows = eventually(lambda: stack.query("topk(1, timestamp(tts_active_voices))"))
        return cls(stack, rows[0][0]["instance"], begun)

    @property
    def requests(self) -> float:
        return self._sum("tts_requests_total")

    @property
    def waiting(self) -> float:
        return self._sum("otel_sdk_processor_span_queue_size")

    @property
    def made(self) -> float:
        """Once none waits."""
        return self._sum("otel_sdk_processor_span_processed_total")

    @property
    def dropped(self) -> float:
        """For want of room."""
        return self._sum("otel_sdk_processor_span_processed_total", 'error_type="queue_full"')

    @property
    def given_up(self) -> float:
        """For want of an answer."""
        return self._sum("otel_sdk_exporter_span_exported_total", 'error_type!=""')

    def stored(self, trace_ids: Iterable[str]) -> int:
        """Spans in the store, of these traces and of those that a search finds by their first span."""
        found = self.stack.search(since=self.begun).union(trace_ids)
        resources = [resource for trace_id in found for resource in self.stack.resources(trace_id)]
        return sum(
            len(scope["spans"])
            for resource in resources
            if self._is_of_the_server(resource)
            for scope in resource["scopeSpans"]
        )

    def _is_of_the_server(self, resource: dict[str, Any]) -> bool:
        attributes = {entry["key"]: entry["value"] for entry in resource["resource"]["attributes"]}
        return bool(attributes["service.instance.id"] == {"stringValue": self.instance})

    def _sum(self, name: str, matcher: str = "") -> float:
        return self.stack.value(f'sum({name}{{instance="{self.instance}",{matcher}}})')


def test_stores_that_were_away_miss_nothing(stack: Stack, server: LiveServer) -> None:
    load = Load(server)
    begin = load.now()
    with load.running():
        time.sleep(BEFORE_SECONDS)
        away = load.now()
        stack.kill("prometheus")  # as by a crash
        trace_store_leaves(stack)
        time.sleep(AWAY_SECONDS)
        back = load.now()
        stack.start("prometheus", stack.trace_store)
        time.sleep(AFTER_SECONDS)
    assert set(load.statuses) == {200}
    sent = 1 + len(load.statuses)
    assert eventually(lambda: stack.value("sum(tts_requests_total)") == sent, RECOVERY_SECONDS)
    assert missing_traces(stack, load.trace_ids) == set()
    assert all(stack.spans(exemplar["labels"]["trace_id"]) for exemplar in stack.exemplars(HISTOGRAMS))
    assert eventually(lambda: len(stack.events()) == sent)
    load.assert_nobody_waited(begin, away, back)


def test_what_waits_in_the_collector_survives_its_crash(stack: Stack, server: LiveServer) -> None:
    load = Load(server)
    stack.supervisor.stop(stack.trace_store, "prometheus")
    with load.running():
        time.sleep(BEFORE_SECONDS)
    assert eventually(lambda: set(load.trace_ids) <= {event.get("traceId") for event in stack.events()})
    assert eventually(lambda: all_spans_left(server.url))
    stack.kill("collector")
    assert server.stop() == 0
    stack.start(stack.trace_store, "prometheus", "collector")
    assert missing_traces(stack, load.trace_ids) == set()


def test_a_collector_that_was_away_holds_nothing_up_and_what_was_lost_is_counted(stack: Stack, data_dir: Path) -> None:
    begun = time.time()
    with exporting(stack, data_dir, **LITTLE_ROOM) as server:
        load, process, export = Load(server), psutil.Process(server.process.pid), Export.of_the_last(stack, begun)
        begin = load.now()
        with load.running():
            time.sleep(BEFORE_SECONDS)
            away, memory = load.now(), process.memory_info().rss
            stack.kill("collector")
            time.sleep(AWAY_SECONDS)
            back, grown = load.now(), process.memory_info().rss - memory
            stack.start("collector")
            time.sleep(AFTER_SECONDS)
        assert set(load.statuses) == {200}
        assert eventually(lambda: export.requests == 1 + len(load.statuses), RECOVERY_SECONDS)
        load.assert_nobody_waited(begin, away, back)
        assert grown < GROWTH_BYTES
        assert eventually(lambda: export.waiting == 0)
        assert export.dropped > 0
        counted = export.dropped + export.given_up
        stored = partial(export.stored, load.trace_ids)
        assert eventually(lambda: 0 < export.made - stored() <= counted), (export.made, stored(), counted)
