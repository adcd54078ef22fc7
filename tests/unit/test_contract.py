"""The telemetry contract: names, and that attributes keep to their allow-lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from drift.columns.columns import COLUMNS
from otel.contract import labels
from otel.contract import metrics as instruments
from otel.contract.event_fields import DriftField, RequestField
from otel.contract.instrument import Instrument
from otel.contract.labels import Source
from otel.contract.metrics import CONTRACT
from otel.contract.values import (
    LabelValue,
    Stage,
)
from otel.sdk.exposition import Exposition, content_type
from otel.sdk.histograms import HistogramStore
from otel.sdk.recording import Metrics
from server.errors import all_errors, error_type

ASKED_FOR = {  # requirement A2, and the labels that were added to it
    "tts_requests_total": {"endpoint", "method", "status_code", "voice_name", "language", "outcome"},
    "tts_request_duration_seconds": {"endpoint", "voice_name", "language"},
    "tts_errors_total": {"error_type", "endpoint", "side"},
    "tts_word_count_duration_seconds": {"word_count_range", "voice_name", "cache"},
    "tts_character_count_duration_seconds": {"char_count_range", "voice_name", "cache"},
    "tts_active_voices": set(),
    "tts_system_memory_usage_bytes": set(),
    "tts_system_cpu_usage_percent": set(),
    "tts_model_load_time_seconds": {"model"},
}
LISTS = {source: frozenset({"joe"}) for source in Source}


def test_the_contract_is_what_was_asked_for() -> None:
    ours = {entry.prometheus_name: {attribute.name for attribute in entry.attributes} for entry in CONTRACT}
    assert ASKED_FOR.items() <= ours.items()


def test_durations_share_the_buckets_of_the_design() -> None:
    design = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100)
    for entry in (instruments.REQUEST_DURATION, instruments.WORD_COUNT_DURATION, instruments.CHARACTER_COUNT_DURATION):
        assert entry.buckets == design


def test_buckets_ascend_and_every_instrument_is_explained() -> None:
    for entry in CONTRACT:
        assert list(entry.buckets) == sorted(set(entry.buckets))
        assert entry.help.endswith(".")


def test_every_value_says_what_it_means() -> None:
    for attribute in {attribute for entry in CONTRACT for attribute in entry.attributes}:
        assert all(value.meaning for value in attribute.values if isinstance(value, LabelValue))


def test_every_error_has_a_status_and_a_type_of_its_own() -> None:
    assert {str(error.status) for error in all_errors()} <= set(labels.STATUS_CODE.values)
    assert len({error_type(error) for error in all_errors()}) == len(all_errors())


def test_every_drift_column_has_a_series() -> None:
    assert labels.DRIFT_COLUMN.values == tuple(column.name for column in COLUMNS)


def test_metrics_and_fields_are_named_once() -> None:
    names = [entry.name for entry in CONTRACT]
    assert len(names) == len(set(names))
    assert not {*RequestField} & {*DriftField}


@pytest.mark.parametrize(
    ("kind", "unit", "buckets"), [("gauge", "1", ()), ("counter", "s", (1.0,)), ("histogram", "s", ())]
)
def test_an_instrument_that_would_be_named_differently_elsewhere_is_refused(kind, unit, buckets) -> None:
    with pytest.raises(ValueError, match=r"tts\.x"):
        Instrument("tts.x", kind, unit, "x", (), buckets)


def exposed(metrics_reader: InMemoryMetricReader, accept: str = "", histograms: HistogramStore | None = None) -> str:
    return Exposition([metrics_reader], histograms).render(content_type(accept)).decode()


@given(st.lists(st.text(), max_size=30))
def test_no_value_from_outside_makes_a_series(hostile: list[str]) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    metrics = Metrics(provider.get_meter("test"), LISTS, HistogramStore())
    for value in ["joe", *hostile]:
        metrics.add(instruments.WORDS_TOTAL, 1, voice_name=value, client=value)
    lines = [line for line in exposed(reader).splitlines() if line.startswith("tts_words_total")]
    assert len(lines) <= 4  # joe or other, anonymous or other
    provider.shutdown()


def test_an_enum_and_its_text_are_one_series() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    metrics = Metrics(provider.get_meter("test"), LISTS, histograms := HistogramStore())
    metrics.record(instruments.STAGE_DURATION, 1, stage=Stage.SEND)
    metrics.record(instruments.STAGE_DURATION, 1, stage="send")
    assert exposed(reader, histograms=histograms).count("tts_stage_duration_seconds_count") == 1
    provider.shutdown()


def test_a_missing_or_unknown_attribute_is_a_mistake() -> None:
    provider = MeterProvider([InMemoryMetricReader()])
    metrics = Metrics(provider.get_meter("test"), LISTS, HistogramStore())
    with pytest.raises(KeyError):
        metrics.add(instruments.WORDS_TOTAL, 1, voice_name="joe")
    with pytest.raises(KeyError):
        metrics.record(instruments.AUDIO_DURATION, 1, voice_name="joe", text="hello")
    provider.shutdown()


def test_the_text_is_what_prometheus_reads() -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
    from prometheus_client.parser import text_string_to_metric_families as families

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    metrics = Metrics(provider.get_meter("test"), LISTS, histograms := HistogramStore())
    metrics.add(instruments.WORDS_TOTAL, 3, voice_name="joe", client="anonymous")
    metrics.record(instruments.AUDIO_DURATION, 3.2, voice_name="joe")
    metrics.observe(instruments.MODEL_LOAD_TIME, lambda: [(1.5, {"model": "joe"})])
    classic = {f.name: f for f in families(exposed(reader, histograms=histograms))}
    assert classic["tts_words"].samples[0].value == 3
    buckets = [s for s in classic["tts_audio_duration_seconds"].samples if s.name.endswith("_bucket")]
    assert [s.value for s in buckets] == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    modern = {
        f.name: f for f in open_families(exposed(reader, "application/openmetrics-text; version=1.0.0", histograms))
    }
    assert modern["tts_model_load_time_seconds"].samples[0].value == 1.5
    provider.shutdown()
