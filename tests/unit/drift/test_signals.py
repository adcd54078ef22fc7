"""What leaves over OTLP: gauges by the contract, and the event of a window, at a real receiver."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from drift.outputs import annotation
from drift.outputs.annotation import NotSentError
from drift.outputs.gauges import Gauges, GaugeValues, over_otlp, resource
from otel.contract.drift_verdict import Verdict
from otel.contract.event_fields import DriftField
from otel.contract.metrics import CONTRACT
from tests.collector import Collector, HTTPCollector
from tests.drift_job import HOUR, START, fake_judge
from tests.stack import eventually

NAMES = {entry.name: entry for entry in CONTRACT if entry.name.startswith("tts.drift.")}


def verdict(duration: float = 2.0, count: int = 100) -> Verdict:
    import pandas as pd

    rows = pd.DataFrame({"duration": [duration] * count})
    return fake_judge(START, START + HOUR, rows, count, None, (), consecutive=1, minimum_rows=50)[0]


def shown(reader: InMemoryMetricReader) -> dict[str, dict[str, float]]:
    data = reader.get_metrics_data()
    return {
        metric.name: {dict(point.attributes or {}).get("column", ""): point.value for point in metric.data.data_points}
        for resource_metrics in (data.resource_metrics if data else ())
        for scope in resource_metrics.scope_metrics
        for metric in scope.metrics
    }


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def gauges(reader: InMemoryMetricReader, tmp_path: Path) -> Iterator[Gauges]:
    gauges = Gauges([reader], tmp_path)
    yield gauges
    gauges.close(1)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
    yield collector
    collector.stop()


def test_a_verdict_is_shown_by_every_gauge_of_the_contract(gauges: Gauges, reader: InMemoryMetricReader) -> None:
    reading = GaugeValues(
        verdict(), verdict(), datetime(2026, 11, 24, 11, tzinfo=UTC), succeeded=True, clock_suspect=False
    )
    gauges.show(reading)
    found = shown(reader)
    assert set(found) == set(NAMES)
    assert found["tts.drift.score"]["latency"] == 2.0
    assert found["tts.drift.threshold"]["latency"] == 1.0
    assert found["tts.drift.detected"] == {name: float(name == "latency") for name in found["tts.drift.detected"]}
    assert found["tts.drift.consecutive_windows"]["latency"] == 1
    assert found["tts.drift.window_rows"][""] == 100
    assert found["tts.drift.last_run.success"][""] == 1


def test_before_the_first_run_nothing_is_shown(gauges: Gauges, reader: InMemoryMetricReader) -> None:
    assert shown(reader) == {}


def test_a_window_that_was_not_judged_has_its_rows_and_no_score(gauges: Gauges, reader: InMemoryMetricReader) -> None:
    gauges.show(GaugeValues(verdict(count=3), None, datetime.now(UTC), succeeded=True))
    assert shown(reader).keys() == {name for name in NAMES if "window_rows" in name or "last_run" in name}


def test_drift_goes_on_while_nobody_can_say_that_it_is_over(gauges: Gauges, reader: InMemoryMetricReader) -> None:
    gauges.show(GaugeValues(verdict(count=3), verdict(), datetime.now(UTC), succeeded=True))
    found = shown(reader)
    assert found["tts.drift.window_rows"][""] == 3
    assert found["tts.drift.detected"]["latency"] == 1


def test_a_restart_goes_on_with_the_same_series(tmp_path: Path) -> None:
    assert resource(tmp_path).attributes == resource(tmp_path).attributes
    assert resource(tmp_path).attributes != resource(tmp_path / "other").attributes
    assert resource(tmp_path).attributes["service.name"] == "ttscope-drift"


def test_gauges_are_exported_again_and_again_and_at_the_end(collector: Collector, tmp_path: Path) -> None:
    gauges = Gauges(over_otlp(), tmp_path)
    gauges.show(GaugeValues(verdict(), verdict(), datetime.now(UTC), succeeded=True))
    assert eventually(lambda: len(collector.received) >= 3)
    gauges.show(GaugeValues(verdict(7.0), verdict(7.0), datetime.now(UTC), succeeded=True))
    gauges.close(10)
    last = [metric for metric in collector.metrics() if metric.name == "tts.drift.score"][-1]
    points = {point.attributes[0].value.string_value: point.as_double for point in last.gauge.data_points}
    assert points["latency"] == 7.0


def test_gauges_and_the_event_go_out_over_http_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    collector = HTTPCollector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    gauges = Gauges(over_otlp(), tmp_path)
    gauges.show(GaugeValues(verdict(), verdict(), datetime.now(UTC), succeeded=True))
    gauges.close(10)
    annotation.send("2026-11-24T10-00-00Z", verdict(), "Slow.", tmp_path)
    collector.stop()
    assert collector.metric_names() >= {"tts.drift.score", "tts.drift.last_run.success"}
    assert [event.event_name for event in collector.events()] == ["tts.drift"]


def test_without_an_endpoint_nothing_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert over_otlp() == []
    assert not annotation.has_receiver()


def test_what_is_switched_off_does_not_keep_the_job_from_running(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")
    monkeypatch.setenv("OTEL_METRICS_EXEMPLAR_FILTER", "some")
    for signal in ("METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    assert over_otlp() == []
    assert not annotation.has_receiver()
    Gauges([], tmp_path).close(1)


def test_the_event_has_the_features_that_the_contract_lists(collector: Collector, tmp_path: Path) -> None:
    annotation.send("2026-11-24T10-00-00Z", verdict(), "Slow.", tmp_path)
    [event] = collector.events()
    attributes = {attribute.key: attribute.value for attribute in event.attributes}
    assert event.event_name == "tts.drift"
    assert set(attributes) == {*DriftField}
    assert attributes["tts.drift.columns"].string_value == "latency"
    assert attributes["tts.drift.rows"].int_value == 100
    assert event.time_unix_nano == int((START + HOUR).timestamp() * 1e9)


def test_an_event_that_nobody_took_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with pytest.raises(NotSentError):
        annotation.send("2026-11-24T10-00-00Z", verdict(), "Slow.", tmp_path)
