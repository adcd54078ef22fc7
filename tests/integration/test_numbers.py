"""Numbers are the same wherever they are shown, through the real Collector and Prometheus."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from otel.contract.labels import OTHER, WORD_COUNT_RANGE, Source
from otel.contract.metrics import SLOW_REQUESTS, WORD_COUNT_DURATION
from otel.contract.promql import PromQL
from otel.sdk.exposition import content_type
from otel.sdk.histograms import HistogramStore
from otel.sdk.telemetry import Telemetry
from server.errors import EngineFailed
from stack.numbers import check, load
from tests.distributions import SHARES, TOLERANCE, bimodal, log_normal, nearest_rank, one_outlier
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start
from tests.stack import Stack, eventually

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

BODIES = {"/tts": {"text": "Hello."}, "/v1/audio/speech": {"input": "Hello.", "model": "tts-1", "voice": "joe"}}
COUNTED = 'sum by (endpoint) (tts_requests_total{outcome="error"}) > 0'
TRACED = 'sum by (tts_endpoint) (traces_span_metrics_calls_total{tts_outcome="error"})'
PLACES = ["the client", "GET /metrics", "GET /prometheus", "Prometheus", "the live dashboard"]
LABELS = {"__name__", "job", "instance", "service_name", "service_instance_id", "service_version"} | {
    "span_kind",
    "status_code",
    "tts_endpoint",
    "tts_outcome",
    "otel_scope_name",
}


@pytest.fixture
def exporting(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The pipeline, to which servers of the test export at short intervals."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", stack.endpoint)
    for name in ("OTEL_METRIC_EXPORT_INTERVAL", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY"):
        monkeypatch.setenv(name, "500")
    return stack


async def test_the_collector_counts_as_many_failures_as_the_server(exporting: Stack, start: Start) -> None:
    """Failures of several endpoints, between requests that end otherwise, of which only some are traced."""
    provider = HummingProvider()
    client = await start(provider, traces_per_second=1)
    failures = Counter[str]()
    for number in range(60):
        path = list(BODIES)[number % 2]
        provider.failure = EngineFailed("out of order") if number % 3 == 0 else None
        async with client.session.post(client.url + path, json=BODIES[path]) as answer:
            await answer.read()
            failures[path] += answer.status >= 500
        await client.tts({"text": "Hello.", "voice_name": "nobody"})
    assert set(failures) == set(BODIES)

    def agree() -> bool:
        counted, traced = by_endpoint(exporting, COUNTED), by_endpoint(exporting, TRACED)
        return counted == traced == failures

    assert await asyncio.to_thread(eventually, agree), (failures, exporting.query(COUNTED), exporting.query(TRACED))
    series = exporting.series("traces_span_metrics_calls_total")
    assert {label for labels in series for label in labels} <= LABELS


def by_endpoint(stack: Stack, promql: str) -> dict[str, float]:
    return {labels.get("endpoint", labels.get("tts_endpoint", "")): value for labels, value in stack.query(promql)}


@pytest.fixture
async def humming(exporting: Stack, start: Start) -> Client:
    return await start(cache_bytes=2**24)


async def doctor(client: Client, stack: Stack, requests: int = 12) -> int:
    return await asyncio.to_thread(check.run, client.url, stack.settings, requests)


async def test_the_doctor_finds_the_same_numbers_in_five_places(
    exporting: Stack, humming: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await doctor(humming, exporting) == check.AGREE
    output = capsys.readouterr().out
    assert output.endswith("AGREE  five places say the same\n")
    for words in load.WORDS:
        section = output.partition(f"{words} words ")[2].partition("\n\n")[0]
        rows = section.splitlines()[1:]
        assert [line[:20].strip() for line in rows] == PLACES
        assert [line.split()[-5] for line in rows[:4]] == ["12"] * 4


async def test_the_doctor_tells_which_place_is_wrong(
    exporting: Stack, humming: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server records every duration a tenth longer than it tells the client."""
    real = HistogramStore.record
    monkeypatch.setattr(HistogramStore, "record", lambda *args: real(*args[:2], 1.1 * args[2] + 0.01, *args[3:]))
    assert await doctor(humming, exporting) == check.DISAGREE
    lines = capsys.readouterr().out.splitlines()
    wrong = {line.removeprefix("DISAGREE  ").partition(" says ")[0] for line in lines if line.startswith("DISAGREE  ")}
    assert wrong == {"GET /prometheus", "Prometheus", "the live dashboard", "GET /metrics"}


async def test_the_doctor_does_not_compare_while_others_speak(
    exporting: Stack, humming: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    async def speak_on() -> None:
        while True:
            await humming.tts({"text": "Hello."})
            await asyncio.sleep(0.05)

    others = asyncio.create_task(speak_on())
    assert await doctor(humming, exporting) == check.DISTURBED
    others.cancel()
    output = capsys.readouterr().out
    assert "NOT COMPARED  The server counted" in output
    assert "DISAGREE" not in output


RANDOM = random.Random(1)
ENOUGH = 200
"""The readings from which quantiles are promised."""
READINGS = {
    "1-10": log_normal(RANDOM, ENOUGH, median=0.03),
    "11-25": log_normal(RANDOM, 5000, median=5.0),
    "26-50": bimodal(RANDOM, ENOUGH),
    "51-100": bimodal(RANDOM, 5000),
    "101-200": one_outlier(RANDOM, ENOUGH),
}
"""By the range of words that they are recorded as."""
BEGUN = 0.5
"""A reading before these, since rate() tells what follows a series' first sample."""
READY, RECORDED = len(READINGS), sum(map(len, READINGS.values()), len(READINGS))
SERVICE = "ttscope-statistics"


@pytest.fixture
async def telemetry(exporting: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Telemetry]:
    """The telemetry of a process that has recorded BEGUN, and goes on once Prometheus has that."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", SERVICE)
    lists = {source: frozenset[str]() for source in Source}
    telemetry = Telemetry(version="1", build="", allow_lists=lists)
    yield telemetry
    assert await telemetry.shutdown(30)


def record(telemetry: Telemetry, readings: Mapping[str, Sequence[float]]) -> None:
    labels = dict.fromkeys((attribute.name for attribute in WORD_COUNT_DURATION.attributes), OTHER)
    telemetry.metrics.add(SLOW_REQUESTS, 1, reason=OTHER)  # an export needs a reading that is not a histogram's
    for words, durations in readings.items():
        for seconds in durations:
            telemetry.metrics.record(WORD_COUNT_DURATION, seconds, **{**labels, WORD_COUNT_RANGE.name: words})


async def quantiles_are_exact(stack: Stack, telemetry: Telemetry, matcher: str) -> None:
    """Records through ``telemetry``, and asks for what Prometheus then has of series with ``matcher``."""
    promql = PromQL(scope=lambda _: [matcher], over="10m")
    by, total = (WORD_COUNT_RANGE,), f"sum({promql.series(WORD_COUNT_DURATION, suffix='_count')})"
    record(telemetry, {words: [BEGUN] for words in READINGS})
    assert await asyncio.to_thread(eventually, lambda: stack.value(total) == READY)
    record(telemetry, READINGS)
    assert await asyncio.to_thread(eventually, lambda: stack.value(total) == RECORDED)
    for share in SHARES:
        expected = {words: nearest_rank(durations, share) for words, durations in READINGS.items()}
        native = by_words(stack, promql.quantile(share, WORD_COUNT_DURATION, by=by))
        assert native == pytest.approx(expected, rel=TOLERANCE)
        buckets = promql.rate(WORD_COUNT_DURATION, by=("le", *by), suffix="_bucket")
        classic = by_words(stack, f"histogram_quantile({share}, {buckets})")
        assert classic.keys() == expected.keys()
        assert classic != pytest.approx(expected, rel=TOLERANCE)  # else this test could not tell one from the other
    means = {words: statistics.fmean(durations) for words, durations in READINGS.items()}
    assert by_words(stack, promql.mean(WORD_COUNT_DURATION, by=by)) == pytest.approx(means, rel=0.001)


def by_words(stack: Stack, promql: str) -> dict[str, float]:
    return {labels[WORD_COUNT_RANGE.name]: value for labels, value in stack.query(promql)}


async def test_quantiles_of_known_distributions_are_exact_by_otlp(exporting: Stack, telemetry: Telemetry) -> None:
    await quantiles_are_exact(exporting, telemetry, f'job="{SERVICE}"')


@pytest.fixture
def scraped(exporting: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Telemetry, str]]:
    """The telemetry of a process that Prometheus scrapes, and its address."""
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    telemetry = Telemetry(version="1", build="", allow_lists={source: frozenset[str]() for source in Source})
    exposition = telemetry.exposition
    assert exposition is not None

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind = content_type(self.headers["Accept"])
            body = exposition.render(kind)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        (exporting.folder / "prometheus" / "scrape.yml").write_text(json.dumps([{"targets": [address]}]))
        yield telemetry, address
        server.shutdown()


async def test_quantiles_of_known_distributions_are_exact_by_scraping(
    exporting: Stack, scraped: tuple[Telemetry, str]
) -> None:
    telemetry, address = scraped
    await quantiles_are_exact(exporting, telemetry, f'instance="{address}"')
