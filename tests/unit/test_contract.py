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
from otel.contract.event_fields import FEATURES
from otel.contract.instrument import Instrument
from otel.contract.labels import Source
from otel.contract.metrics import CONTRACT
from otel.contract.values import (
    LabelValue,
    Stage,
)
from otel.sdk.exposition import Exposition, content_type
from otel.sdk.recording import Metrics
from server.errors import all_errors, error_type

ASKED_FOR = {  # REQUIREMENTS A2 and DESIGN, word for word
    "tts_requests_total": {"endpoint", "method", "status_code", "voice_name", "language", "outcome"},
    "tts_request_duration_seconds": {"endpoint", "voice_name", "language"},
    "tts_errors_total": {"error_type", "endpoint", "side"},
    "tts_word_count_duration_seconds": {"word_count_range", "voice_name", "cache"},
    "tts_character_count_duration_seconds": {"char_count_range", "voice_name", "cache"},
    "tts_active_voices": set(),
    "tts_system_memory_usage_bytes": set(),
    "tts_system_cpu_usage_percent": set(),
    "tts_restarts": set(),
    "tts_model_load_time_seconds": {"model"},
    "tts_time_to_first_audio_seconds": {"word_count_range", "voice_name"},
    "tts_real_time_factor": {"word_count_range", "voice_name"},
    "tts_audio_duration_seconds": {"voice_name"},
    "tts_stage_duration_seconds": {"stage"},
    "tts_requests_in_flight": set(),
    "tts_words_total": {"voice_name", "client"},
    "tts_characters_total": {"voice_name", "client"},
    "tts_slow_requests_total": {"reason"},
    "tts_queue_depth": set(),
    "tts_queue_audio_seconds": set(),
    "tts_unsent_bytes": set(),
    "tts_batch_size": set(),
    "tts_batch_padding": set(),
    "tts_stream_underrun_seconds": {"voice_name"},
    "tts_gpu_utilization_percent": {"gpu"},
    "tts_gpu_memory_usage_bytes": {"gpu"},
    "tts_gpu_memory_limit_bytes": {"gpu"},
    "tts_gpu_power_watts": {"gpu"},
    "tts_gpu_temperature_celsius": {"gpu"},
    "tts_cache_requests_total": {"result"},
    "tts_cache_bytes": set(),
    "tts_cache_entries": set(),
    "tts_cache_evictions_total": set(),
    "tts_provider_requests_total": {"provider", "outcome"},
    "tts_provider_duration_seconds": {"provider"},
    "tts_provider_available": {"provider"},
    "tts_provider_fallbacks_total": {"from", "to", "reason"},
    "tts_degraded": {"kind", "provider"},
    "tts_audio_faults_total": {"fault", "voice_name"},
    "tts_worker_restarts_total": {"worker"},
    "tts_connections": {"state"},
    "tts_connections_ended_early_total": {"reason"},
    "tts_events_lost_total": {"reason"},
    "tts_background_task_failures_total": {"task"},
    "tts_drift_score": {"column"},
    "tts_drift_threshold": {"column"},
    "tts_drift_detected": {"column"},
    "tts_drift_consecutive_windows": {"column"},
    "tts_drift_window_rows": set(),
    "tts_drift_last_run_timestamp_seconds": set(),
    "tts_drift_last_run_success": set(),
    "tts_drift_clock_suspect": set(),
}
LISTS = {source: frozenset({"joe"}) for source in Source}


def test_the_contract_is_what_was_asked_for() -> None:
    ours = {entry.prometheus_name: {attribute.name for attribute in entry.attributes} for entry in CONTRACT}
    assert ours == ASKED_FOR


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


def test_features_are_named_once() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("kind", "unit", "buckets"), [("gauge", "1", ()), ("counter", "s", (1.0,)), ("histogram", "s", ())]
)
def test_an_instrument_that_would_be_named_differently_elsewhere_is_refused(kind, unit, buckets) -> None:
    with pytest.raises(ValueError, match=r"tts\.x"):
        Instrument("tts.x", kind, unit, "x", (), buckets)


def exposed(metrics_reader: InMemoryMetricReader, accept: str = "") -> str:
    return Exposition([metrics_reader]).render(content_type(accept)).decode()


@given(st.lists(st.text(), max_size=30))
def test_no_value_from_outside_makes_a_series(hostile: list[str]) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    metrics = Metrics(provider.get_meter("test"), LISTS)
    for value in ["joe", *hostile]:
        metrics.add(instruments.WORDS_TOTAL, 1, voice_name=value, client=value)
    lines = [line for line in exposed(reader).splitlines() if line.startswith("tts_words_total")]
    assert len(lines) <= 4  # joe or other, anonymous or other
    provider.shutdown()


def test_an_enum_and_its_text_are_one_series() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    metrics = Metrics(provider.get_meter("test"), LISTS)
    metrics.record(instruments.STAGE_DURATION, 1, stage=Stage.SEND)
    metrics.record(instruments.STAGE_DURATION, 1, stage="send")
    assert exposed(reader).count("tts_stage_duration_seconds_count") == 1
    provider.shutdown()


def test_a_missing_or_unknown_attribute_is_a_mistake() -> None:
    provider = MeterProvider([InMemoryMetricReader()])
    metrics = Metrics(provider.get_meter("test"), LISTS)
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
    metrics = Metrics(provider.get_meter("test"), LISTS)
    metrics.add(instruments.WORDS_TOTAL, 3, voice_name="joe", client="anonymous")
    metrics.record(instruments.AUDIO_DURATION, 3.2, voice_name="joe")
    metrics.observe(instruments.MODEL_LOAD_TIME, lambda: [(1.5, {"model": "joe"})])
    classic = {f.name: f for f in families(exposed(reader))}
    assert classic["tts_words"].samples[0].value == 3
    buckets = [s for s in classic["tts_audio_duration_seconds"].samples if s.name.endswith("_bucket")]
    assert [s.value for s in buckets] == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    modern = {f.name: f for f in open_families(exposed(reader, "application/openmetrics-text; version=1.0.0"))}
    assert modern["tts_model_load_time_seconds"].samples[0].value == 1.5
    provider.shutdown()
