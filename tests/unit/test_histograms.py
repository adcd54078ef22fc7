"""The store of histograms: exact counts from any thread, the SDK's buckets, exemplars that stay."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import LogarithmMapping
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel.contract.buckets import SCALE
from otel.contract.metrics import AUDIO_DURATION, WORD_COUNT_DURATION
from otel.sdk.histograms import Distribution, HistogramStore, bucket_index
from otel.sdk.spans import unsampled

SDK = LogarithmMapping(SCALE)
SAMPLED = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
IN_SAMPLED = set_span_in_context(NonRecordingSpan(SAMPLED), Context())


def recorded(*values: float, context: Context | None = None) -> Distribution:
    store = HistogramStore()
    for value in values:
        store.record(AUDIO_DURATION.name, value, ("joe",), context)
    return store.snapshot()[AUDIO_DURATION]["joe",]


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_buckets_are_those_of_the_sdk(value: float) -> None:
    assert abs(bucket_index(value) - SDK.map_to_index(value)) <= is_a_bound(value)


def is_a_bound(value: float) -> bool:
    """Whether the value is so near to a bound that the SDK's logarithm may round it to the other side."""
    exact = math.log2(value) * 2**SCALE
    return abs(exact - round(exact)) < 1e-9


@pytest.mark.parametrize("power", [-1022, -1, 0, 1, 1023])
def test_an_upper_bound_is_in_its_bucket(power: int) -> None:
    bound = 2.0**power
    assert bucket_index(bound) == SDK.map_to_index(bound) == power * 2**SCALE - 1
    assert bucket_index(math.nextafter(bound, math.inf)) == power * 2**SCALE


def test_no_quantile_of_a_bucket_is_off_by_more_than_its_width() -> None:
    for _ in range(1000):
        value = random.lognormvariate(0, 3)
        index = bucket_index(value)
        assert 2 ** (index / 16) * (1 - 1e-12) <= value <= 2 ** ((index + 1) / 16) * (1 + 1e-12)


def test_a_reading_is_in_a_classic_and_an_exponential_bucket() -> None:
    distribution = recorded(0, 0.5, 0.6, 0.6, 1000)
    assert distribution.counts == [2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert distribution.exponential == {-17: 1, bucket_index(0.6): 2, bucket_index(1000): 1}
    assert (distribution.zeros, distribution.count, distribution.min, distribution.max) == (1, 5, 0, 1000)
    assert distribution.sum == pytest.approx(1001.7)


@pytest.mark.parametrize("value", [-1e-9, -math.inf, math.inf, math.nan])
def test_what_is_no_reading_is_refused(value: float, caplog: pytest.LogCaptureFixture) -> None:
    store = HistogramStore()
    store.record(AUDIO_DURATION.name, value, ("joe",), None)
    assert store.snapshot() == {}
    assert AUDIO_DURATION.name in caplog.text


def test_only_sampled_spans_are_exemplars() -> None:
    assert not any(recorded(1, context=Context()).exemplars)
    assert not any(recorded(1, context=unsampled(SAMPLED)).exemplars)
    [exemplar] = filter(None, recorded(1, context=IN_SAMPLED).exemplars)
    assert (exemplar.trace_id, exemplar.span_id, exemplar.value) == (1, 2, 1.0)


def test_an_exemplar_stays_until_a_newer_one_is_in_its_bucket() -> None:
    store = HistogramStore()
    for value, context in ((2, IN_SAMPLED), (0.7, IN_SAMPLED), (2.2, None), (0.8, IN_SAMPLED)):
        store.record(AUDIO_DURATION.name, value, ("joe",), context or Context())
    for _ in range(2):
        exemplars = store.snapshot()[AUDIO_DURATION]["joe",].exemplars
        assert [exemplar and exemplar.value for exemplar in exemplars[:3]] == [None, 0.8, 2.0]


def test_a_snapshot_does_not_change() -> None:
    store = HistogramStore()
    store.record(AUDIO_DURATION.name, 1, ("joe",), IN_SAMPLED)
    before = store.snapshot()[AUDIO_DURATION]["joe",]
    copy = before.copy()
    store.record(AUDIO_DURATION.name, 1, ("joe",), IN_SAMPLED)
    assert before == copy
    assert before.exemplars[1] is copy.exemplars[1]


def test_only_histograms_are_known() -> None:
    with pytest.raises(KeyError):
        HistogramStore([AUDIO_DURATION]).record(WORD_COUNT_DURATION.name, 1, ("1-10", "joe", "miss"), None)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads that give way to each other as often as can be."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hurried")
def test_nothing_is_lost_among_threads_and_no_copy_is_half_written() -> None:
    store = HistogramStore()

    def record(number: int) -> None:
        for turn in range(1000):
            store.record(AUDIO_DURATION.name, turn % 7, (f"voice {(number + turn) % 3}",), None)

    def check() -> int:
        distributions = store.snapshot().get(AUDIO_DURATION, {}).values()
        assert all(each.count == each.zeros + sum(each.exponential.values()) for each in distributions)
        return sum(each.count for each in distributions)

    with ThreadPoolExecutor(4) as threads:
        recording = [threads.submit(record, number) for number in range(4)]
        while not all(task.done() for task in recording):
            check()
        for task in recording:
            task.result()
    assert check() == 4000
