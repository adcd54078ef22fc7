"""The three formats of a scrape: the same numbers in each, lasting exemplars, the format that Accept prefers."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.proto import parse_length_prefixed
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, format_trace_id, set_span_in_context
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from otel.contract.metrics import AUDIO_DURATION
from otel.sdk.exposition import OPEN_METRICS, PROTOBUF, TEXT, Exposition, content_type
from otel.sdk.histograms import HistogramStore
from otel.sdk.prometheus_protobuf import FAMILY

PROMETHEUS = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;"
    "q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;"
    "version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,"
    "*/*;q=0.1"
)
"""What Prometheus 3.14 sends where native histograms are scraped."""
PARAMETERS = "proto=io.prometheus.client.MetricFamily;encoding=delimited"
NAME = AUDIO_DURATION.prometheus_name
READINGS = st.lists(st.floats(0, allow_infinity=False) | st.just(0.0) | st.floats(1e-3, 1e3), min_size=1, max_size=60)


def store_of(voices: dict[str, list[float]], trace: int = 0) -> HistogramStore:
    store = HistogramStore()
    for voice, values in voices.items():
        for value in values:
            record(store, value, voice, trace)
    return store


def record(store: HistogramStore, value: float, voice: str = "joe", trace: int = 0) -> None:
    span = SpanContext(trace, 1, is_remote=False, trace_flags=TraceFlags(bool(trace)))
    store.record(AUDIO_DURATION.name, value, (voice,), set_span_in_context(NonRecordingSpan(span), Context()))


def messages(body: bytes) -> Iterator[Any]:
    stream = io.BytesIO(body)
    while stream.tell() < len(body):
        yield parse_length_prefixed(FAMILY, stream)


def native_counts(histogram: Any) -> dict[int, int]:
    """The counts of the native buckets by the number of their upper bound, as Prometheus reads spans and deltas."""
    counts, index, count, deltas = {}, 0, 0, iter(histogram.positive_delta)
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            counts[index] = count
            index += 1
    assert next(deltas, None) is None
    return counts


@given(st.dictionaries(st.text(max_size=8), READINGS, min_size=1, max_size=3))
def test_every_format_has_every_reading(voices: dict[str, list[float]]) -> None:
    exposition = Exposition([], store_of(voices))
    expected = {
        (voice, bound): sum(value <= bound for value in values)
        for voice, values in voices.items()
        for bound in (*AUDIO_DURATION.buckets, math.inf)
    }
    for families, kind in ((text_families, TEXT), (open_families, OPEN_METRICS)):
        [family] = families(exposition.render(kind).decode())
        buckets = {
            (sample.labels["voice_name"], float(sample.labels["le"])): sample.value
            for sample in family.samples
            if sample.name == f"{NAME}_bucket"
        }
        assert buckets == expected
    [message] = messages(exposition.render(PROTOBUF))
    assert (message.name, message.type) == (NAME, 4)
    assert expected == {
        (metric.label[0].value, bucket.upper_bound): bucket.cumulative_count
        for metric in message.metric
        for bucket in metric.histogram.bucket
    }


@given(READINGS)
def test_native_buckets_hold_their_readings(values: list[float]) -> None:
    [message] = messages(Exposition([], store_of({"joe": values})).render(PROTOBUF))
    histogram = message.metric[0].histogram
    assert (histogram.schema, histogram.zero_count) == (4, values.count(0))
    assert histogram.HasField("zero_threshold")
    expected: dict[int, int] = {}
    for value in filter(None, values):
        fraction, exponent = math.frexp(max(value, 2.0**-1022))
        index = exponent * 16 + math.ceil(round(math.log2(fraction) * 16, 9))
        expected[index] = expected.get(index, 0) + 1
    assert {index: count for index, count in native_counts(histogram).items() if count} == expected


def test_counters_and_gauges_are_in_every_format() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    meter = provider.get_meter("test")
    meter.create_observable_counter("tts.words", [lambda _: [Observation(3, {"voice.name": 'jo"\ne'})]])
    meter.create_observable_gauge("tts.cache", [lambda _: [Observation(1.5)]], "By")
    exposition = Exposition([reader])
    words, cache = messages(exposition.render(PROTOBUF))
    assert (words.name, words.type, words.metric[0].counter.value) == ("tts_words_total", 0, 3)
    assert [(pair.name, pair.value) for pair in words.metric[0].label] == [("voice_name", 'jo"\ne')]
    assert (cache.name, cache.type, cache.metric[0].gauge.value) == ("tts_cache_bytes", 1, 1.5)
    for families, kind in ((text_families, TEXT), (open_families, OPEN_METRICS)):
        samples = [sample for family in families(exposition.render(kind).decode()) for sample in family.samples]
        assert [(sample.name, sample.value) for sample in samples] == [("tts_words_total", 3), ("tts_cache_bytes", 1.5)]
        assert samples[0].labels == {"voice_name": 'jo"\ne'}
    provider.shutdown()


def test_every_scraper_sees_the_same_exemplars_until_newer_ones_come() -> None:
    store = HistogramStore()
    record(store, 0.7, trace=1)
    record(store, 7.5, trace=2)
    scrapers = [Exposition([], store), Exposition([], store)]
    for _ in range(2):
        for exposition in scrapers:
            exposition.render(TEXT)
            assert open_exemplars(exposition) == protobuf_exemplars(exposition) == {1.0: (1, 0.7), 10.0: (2, 7.5)}
        record(store, 7.6)  # of a trace that is not kept
    record(store, 9, trace=3)
    for exposition in scrapers:
        assert open_exemplars(exposition) == protobuf_exemplars(exposition) == {1.0: (1, 0.7), 10.0: (3, 9.0)}


def open_exemplars(exposition: Exposition) -> dict[float, tuple[int, float]]:
    """The trace id and the value of each bucket's exemplar, by its bound."""
    [family] = open_families(exposition.render(OPEN_METRICS).decode())
    found = {}
    for sample in family.samples:
        if sample.exemplar is not None:
            assert sample.exemplar.timestamp
            found[float(sample.labels["le"])] = (int(sample.exemplar.labels["trace_id"], 16), sample.exemplar.value)
    return found


def protobuf_exemplars(exposition: Exposition) -> dict[float, tuple[int, float]]:
    """The same by protobuf, where the native histogram has them too, in the order of time."""
    [message] = messages(exposition.render(PROTOBUF))
    histogram = message.metric[0].histogram
    found = {}
    for bucket in histogram.bucket:
        if bucket.HasField("exemplar"):
            labels = {pair.name: pair.value for pair in bucket.exemplar.label}
            assert labels["span_id"] == f"{1:016x}"
            found[bucket.upper_bound] = (int(labels["trace_id"], 16), bucket.exemplar.value)
    native = [(exemplar.label[0].value, exemplar.value) for exemplar in histogram.exemplars]
    assert native == sorted((format_trace_id(trace), value) for trace, value in found.values())
    times = [exemplar.timestamp.seconds + exemplar.timestamp.nanos / 1e9 for exemplar in histogram.exemplars]
    assert times == sorted(times)
    assert min(times) > 1e9
    return found


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (PROMETHEUS, PROTOBUF),
        (PROMETHEUS.partition(",")[2], OPEN_METRICS),
        ("*/*", TEXT),
        ("text/html, */*;q=0.8", TEXT),
        (f"application/vnd.google.protobuf;{PARAMETERS}", PROTOBUF),
        (f"Application/VND.google.Protobuf ; {PARAMETERS.replace('=', '=')} ; q=1.0", PROTOBUF),
        (f"application/vnd.google.protobuf;{PARAMETERS};q=0.2, application/openmetrics-text;q=0.3", OPEN_METRICS),
        (f"text/plain;q=0.9, application/vnd.google.protobuf;{PARAMETERS};q=0.2", TEXT),
        (f"application/vnd.google.protobuf;{PARAMETERS};q=0", TEXT),
        (f"application/vnd.google.protobuf;{PARAMETERS};q=nan", TEXT),
        (f"application/vnd.google.protobuf;{PARAMETERS};q=-1, application/openmetrics-text;q=7", TEXT),
        ("application/vnd.google.protobuf", TEXT),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", TEXT),
        ("application/vnd.google.protobuf;proto=another.Message;encoding=delimited", TEXT),
        ("application/openmetrics-text, text/plain", OPEN_METRICS),
        ("application/json", TEXT),
    ],
)
def test_the_header_accept_chooses_the_format(accept: str, kind: str) -> None:
    assert content_type(accept) == kind


@given(st.text(alphabet=st.sampled_from("apliction/vd.gbuf;q=0.5,*txopemr- \t\"'é\0"), max_size=200))
def test_no_header_is_refused(accept: str) -> None:
    assert content_type(accept) in {TEXT, OPEN_METRICS, PROTOBUF}
