"""Histograms in the real Prometheus, by the Collector and by a scrape: exact quantiles, and exemplars on both forms."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import format_trace_id

from otel.contract.buckets import SCALE
from otel.contract.metrics import AUDIO_DURATION, WORD_COUNT_DURATION
from otel.sdk.exposition import PROTOBUF, TEXT
from tests.reporting_process import NAME, READINGS, ReportingProcess
from tests.stack import Stack, eventually

EXTREMES = (0.0, 0.0, 5e-324, 1e-300, 0.5, 1.0, 1.0, 2.0, 1e300, 1.7e308)
WIDTH = 2 ** (1 / 2**SCALE) - 1
"""The relative width of a bucket, 4.4 %."""


@dataclass(frozen=True)
class Seen:
    """Prometheus, and the process whose metrics it has."""

    stack: Stack
    process: ReportingProcess


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, binaries: dict[str, Path]) -> Iterator[Seen]:
    """Prometheus after two exports to the Collector, and scrapes."""
    stack = Stack(tmp_path_factory.mktemp("native"), binaries)
    process = ReportingProcess(stack.endpoint)
    folder = stack.folder / "prometheus"
    configuration = (folder / "prometheus.yml").read_text()
    (folder / "prometheus.yml").write_text(configuration.replace("scrape_interval: 15s", "scrape_interval: 1s"))
    (folder / "scrape.yml").write_text(f"[{{targets: ['127.0.0.1:{process.server.server_port}']}}]")
    generator = random.Random(7)
    try:
        stack.start("prometheus", "collector")
        for value in EXTREMES:
            process.metrics.record(AUDIO_DURATION, value, Context(), voice_name="joe")
        for _ in range(2):
            process.record(generator)
            process.export()
            counts = f"count({NAME}_count == {len(process.values)}) == 2"
            assert eventually(lambda counts=counts: stack.query(counts))  # type: ignore[misc]
        yield Seen(stack, process)
    finally:
        stack.kill(*stack.supervisor.names)
        process.server.shutdown()


JOBS = pytest.mark.parametrize("job", ["otlp", "ttscope"])


def test_prometheus_asks_for_protobuf(seen: Seen) -> None:
    assert seen.process.kinds == {PROTOBUF}


@JOBS
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.99])
def test_a_native_quantile_is_exact(seen: Seen, job: str, share: float) -> None:
    shown = seen.stack.value(f'histogram_quantile({share}, sum({NAME}{{job="{job}"}}))')
    assert shown == pytest.approx(seen.process.quantile(share), rel=WIDTH)


@JOBS
def test_both_forms_have_the_same_counts_and_sums(seen: Seen, job: str) -> None:
    value, chosen = seen.stack.value, f'{{job="{job}"}}'
    values = seen.process.values
    assert value(f"histogram_count({NAME}{chosen})") == value(f"{NAME}_count{chosen}") == len(values)
    assert value(f"histogram_sum({NAME}{chosen})") == pytest.approx(sum(values))
    assert value(f"{NAME}_sum{chosen}") == pytest.approx(sum(values))
    for bound in WORD_COUNT_DURATION.buckets:
        shown = value(f'{NAME}_bucket{{job="{job}",le=~"{bound:g}([.]0)?"}}')  # OTLP has 1, a scrape 1.0
        assert shown == sum(reading <= bound for reading in values)


@JOBS
@pytest.mark.parametrize("form", ["", "_bucket"])
def test_both_forms_have_exemplars_of_both_rounds(seen: Seen, job: str, form: str) -> None:
    exemplars = seen.stack.exemplars(f'{NAME}{form}{{job="{job}"}}')
    ids = {format_trace_id(number): value for number, value in enumerate(seen.process.values, 1)}
    newest = {exemplar["labels"]["trace_id"]: float(exemplar["value"]) for exemplar in exemplars}
    assert newest.items() <= ids.items()
    assert {int(trace_id, 16) > READINGS for trace_id in newest} == {True, False}


@JOBS
def test_no_reading_is_too_small_or_too_large(seen: Seen, job: str) -> None:
    name = AUDIO_DURATION.prometheus_name
    chosen = f'{name}{{job="{job}"}}'
    assert seen.stack.value(f"histogram_count({chosen})") == len(EXTREMES)
    assert seen.stack.value(f"histogram_fraction(-1, 0.5, {chosen})") == pytest.approx(0.5)  # a bound of both
    assert seen.stack.value(f"histogram_fraction(-1, 2, {chosen})") == pytest.approx(0.8)
    assert seen.stack.value(f'{name}_bucket{{job="{job}",le="0.5"}}') == 5


def test_promtool_reads_the_text(seen: Seen) -> None:
    text = seen.process.exposition.render(TEXT)
    command = [seen.stack.binaries["promtool"], "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_scrape_has_the_names_of_an_export(seen: Seen) -> None:
    names = [seen.stack.metric_names(f'{{job="{job}",__name__=~"tts_.*"}}') for job in ("otlp", "ttscope")]
    histograms = (NAME, AUDIO_DURATION.prometheus_name)
    expected = {f"{name}{suffix}" for name in histograms for suffix in ("", "_bucket", "_count", "_sum")}
    assert names[0] == names[1] == {*expected, "tts_requests_total"}
