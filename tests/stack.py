"""A second copy of the whole pipeline: real programs on free ports, in a folder of the test's own."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from otel.trace_store.jaeger import Jaeger
from otel.trace_store.json_over_http import JsonOverHttp
from otel.trace_store.store import Condition, TraceSearch, TraceStore
from otel.trace_store.tempo import Tempo
from stack.build import build
from stack.programs import needed
from stack.services import Service, collector, stores
from stack.settings import PREFIX, StackSettings
from stack.supervisor import Supervisor
from stack.toolchain import NoGoError
from tests.http_calls import fetch

Value = TypeVar("Value")

MOST_TRACES = 10_000
READY_SECONDS = 60.0
ARRIVAL_SECONDS = 60.0
"""For what was sent to show up in a store, on a machine that is busy with other things."""


def built() -> dict[str, Path]:
    """The binaries, built if they are not in the cache; where there is no Go the test is skipped, in CI it fails."""
    try:
        return build(needed(StackSettings()), print)
    except NoGoError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


def free_ports(names: list[str]) -> dict[str, int]:
    """A different free port for each name."""
    with ExitStack() as sockets:
        taken = {name: sockets.enter_context(socket.socket()) for name in names}
        for probe in taken.values():
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in taken.items()}


def settings_in(folder: Path, **others: Any) -> StackSettings:
    """Settings of a stack that meets no other."""
    ports = [name for name in StackSettings.model_fields if name.endswith("_port")]
    return StackSettings(data_dir=folder, **free_ports(ports), **others)


def environment_of(settings: StackSettings) -> dict[str, str]:
    """The same settings as variables, for a stack that runs as a command."""
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in settings.model_dump().items()}


def eventually(question: Callable[[], Value], seconds: float = ARRIVAL_SECONDS, pause: float = 0.2) -> Value:
    """The first answer that is true, asked again and again; the last one if none is in time."""
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(pause)
    return answer


class Stack:
    """The running pipeline, and what its stores say."""

    def __init__(self, folder: Path, binaries: Mapping[str, Path], **settings: Any) -> None:
        self.settings = settings_in(folder, **settings)
        self.folder = folder
        self.binaries = binaries
        self.supervisor = Supervisor(folder / "logs")
        self.endpoint = self.settings.url(self.settings.collector_grpc_port)
        self.trace_store = self.settings.trace_store
        """The name of the program that keeps traces: jaeger, or tempo where there is one."""
        ask = JsonOverHttp(self.settings.trace_store_url)
        self.traces: TraceStore = Tempo(ask) if self.trace_store == "tempo" else Jaeger(ask)
        services = (*stores(self.settings, binaries), collector(self.settings, binaries))
        self._services: dict[str, Service] = {service.name: service for service in services}

    def start(self, *names: str) -> None:
        """Starts the programs and waits until they are ready; all, if none is named."""
        self.supervisor.start([self._services[name] for name in names or self._services])
        self.supervisor.wait_until_ready(READY_SECONDS)

    def kill(self, *names: str) -> None:
        self.supervisor.kill(*names)

    def stop(self) -> None:
        """An orderly end of all of them, the Collector first."""
        self.supervisor.stop("collector")
        self.supervisor.stop(*self.supervisor.names)

    def query(self, promql: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series, now or ``at`` a Unix time; of a native histogram, the number of readings."""
        answer = self._prometheus("query", query=promql, **({} if at is None else {"time": at}))
        return [(row["metric"], number) for row in answer["result"] for number in _numbers(row, "value", "histogram")]

    def value(self, promql: str) -> float:
        """The only value; 0 if there is none."""
        rows = self.query(promql)
        assert len(rows) <= 1
        return rows[0][1] if rows else 0.0

    def over_time(self, promql: str, seconds: int, step: int) -> list[tuple[dict[str, str], list[float]]]:
        """Labels and values of each series, of the last ``seconds``."""
        now = time.time()
        span = {"start": now - seconds, "end": now, "step": step}
        answer = self._prometheus("query_range", query=promql, **span)
        return [(row["metric"], _numbers(row, "values", "histograms")) for row in answer["result"]]

    def times(self, selector: str, seconds: float) -> set[float]:
        """The times of the samples that series have of the last ``seconds``, as they were sent."""
        answer = self._prometheus("query", query=f"{selector}[{seconds:.0f}s]")
        return {time for row in answer["result"] for time, _ in [*row.get("values", []), *row.get("histograms", [])]}

    def metric_names(self, selector: str) -> set[str]:
        """Of all series that ``selector`` finds."""
        return {series["__name__"] for series in self.series(selector)}

    def series(self, selector: str) -> list[dict[str, str]]:
        return list(self._prometheus("series", **{"match[]": selector}))

    def exemplars(self, selector: str) -> list[dict[str, Any]]:
        """Exemplars of the last hour; their labels have the trace_id."""
        now = time.time()
        found = self._prometheus("query_exemplars", query=selector, start=now - 3600, end=now + 60)
        return [exemplar for series in found for exemplar in series["exemplars"]]

    def resources(self, trace_id: str) -> list[dict[str, Any]]:
        """A trace by the store's own call, as OTLP's resource spans; none if the store does not have it."""
        if self.trace_store == "tempo":
            return list(self._trace(f"/api/traces/{trace_id}", {"batches": []})["batches"])
        trace = self._trace(f"/api/v3/traces/{trace_id}?raw_traces=true", {"result": {"resourceSpans": []}})
        return list(trace["result"]["resourceSpans"])

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans of a trace, none if the store does not have it."""
        resources = self.resources(trace_id)
        return [span for resource in resources for scope in resource["scopeSpans"] for span in scope["spans"]]

    def search(self, *conditions: Condition | tuple[Condition, ...], since: float = 0.0) -> set[str]:
        """Trace ids of the requests that fulfil all conditions; of those in a tuple, one."""
        groups = tuple(group if isinstance(group, tuple) else (group,) for group in conditions)
        begin = since or time.time() - 3600
        return {found.trace_id for found in self.traces.search(TraceSearch(begin, _soon(), groups, limit=MOST_TRACES))}

    def events(self) -> list[dict[str, Any]]:
        """The log records in the Collector's files."""
        return [
            record
            for path in sorted(self.settings.events_folder.glob("*.jsonl"))
            for line in path.read_text().splitlines()
            for resource in json.loads(line)["resourceLogs"]
            for scope in resource["scopeLogs"]
            for record in scope["logRecords"]
        ]

    def files(self) -> dict[str, bytes]:
        """Every file of every program, logs included."""
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}

    def _prometheus(self, call: str, **parameters: object) -> Any:
        url = self.settings.url(self.settings.prometheus_port)
        answer = json.loads(fetch(f"{url}/api/v1/{call}?{urllib.parse.urlencode(parameters)}"))
        assert not answer.get("infos"), answer["infos"]  # what it finds odd in a query
        return answer["data"]

    def _trace(self, path: str, nothing: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(json.loads(fetch(self.settings.trace_store_url + path)))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return nothing


@contextmanager
def running_stack(folder: Path, **settings: Any) -> Iterator[Stack]:
    """All programs, ready; killed at the end, whatever happened."""
    stack = Stack(folder, built(), **settings)
    try:
        stack.start()
        yield stack
    finally:
        stack.kill(*stack.supervisor.names)


def _numbers(row: dict[str, Any], value: str, histogram: str) -> list[float]:
    """The values of a series, and the numbers of readings of its native histograms."""
    samples, histograms = row.get(value, []), row.get(histogram, [])
    if value == "value":
        samples, histograms = [samples] if samples else [], [histograms] if histograms else []
    return [float(number) for _, number in samples] + [float(each["count"]) for _, each in histograms]


def _soon() -> int:
    return int(time.time()) + 60
