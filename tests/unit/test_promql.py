"""The PromQL builder: what it writes, and what it refuses to write."""

from __future__ import annotations

import pytest

from otel.contract.labels import OUTCOME, SIDE, VOICE_NAME, WORD_COUNT_RANGE
from otel.contract.libraries import HTTP_METRICS
from otel.contract.metrics import ERRORS, QUEUE_DEPTH, REQUESTS, STREAM_UNDERRUN, WORD_COUNT_DURATION
from otel.contract.promql import INSTANCE, UNSCOPED, PromQL, at_most, ratio

SCOPED = PromQL(scope=lambda metric: ['job="a"'], over="1m", spaced=True)


def test_choosing_a_value_and_keeping_a_label_are_told_apart_by_name() -> None:
    assert UNSCOPED.rate(ERRORS, where={SIDE: "server"}, over="5m") == (
        'sum(rate(tts_errors_total{side="server"}[5m]))'
    )
    assert UNSCOPED.rate(ERRORS, by=(SIDE,), over="5m") == "sum by (side) (rate(tts_errors_total[5m]))"
    with pytest.raises(TypeError):
        UNSCOPED.largest(QUEUE_DEPTH, {INSTANCE: "a"})  # type: ignore[misc]


def test_a_recent_total_has_no_process_that_is_gone() -> None:
    assert UNSCOPED.recent(QUEUE_DEPTH, over="30s") == "sum(avg_over_time(tts_queue_depth[30s]))"
    assert SCOPED.recent(QUEUE_DEPTH, by=(INSTANCE,), over="30s") == (
        'sum by (instance) (avg_over_time(tts_queue_depth{job="a"}[30s]))'
    )


def test_a_scope_is_part_of_every_selector() -> None:
    assert SCOPED.mean(STREAM_UNDERRUN, by=(VOICE_NAME,)) == (
        'histogram_avg(sum by (voice_name) (rate(tts_stream_underrun_seconds{job="a"}[1m]))) >= 0'
    )
    assert SCOPED.count(REQUESTS, where={OUTCOME: "ok"}, over="1h").count('{job="a", outcome="ok"}') == 3
    assert SCOPED.growth(REQUESTS, over="1h").count('job="a"') == 3


def test_a_classic_histogram_has_readings_buckets_and_a_sum() -> None:
    assert UNSCOPED.increase(STREAM_UNDERRUN, over="5m") == "sum(increase(tts_stream_underrun_seconds_count[5m]))"
    within = at_most(WORD_COUNT_DURATION, 1.0)
    assert UNSCOPED.series(WORD_COUNT_DURATION, where={WORD_COUNT_RANGE: "1-10", **within}, suffix="_bucket") == (
        'tts_word_count_duration_seconds_bucket{word_count_range="1-10",le=~"1|1\\\\.0"}'
    )


def test_quantiles_and_distributions_are_of_the_native_histogram() -> None:
    assert UNSCOPED.distribution(STREAM_UNDERRUN, over="5m") == "sum(rate(tts_stream_underrun_seconds[5m]))"
    assert UNSCOPED.quantile(0.95, STREAM_UNDERRUN, over="5m") == (
        "histogram_quantile(0.95, sum(rate(tts_stream_underrun_seconds[5m])))"
    )
    assert SCOPED.quantile(0.5, WORD_COUNT_DURATION, by=(VOICE_NAME,), where={WORD_COUNT_RANGE: "1-10"}) == (
        "histogram_quantile(0.5, sum by (voice_name) "
        '(rate(tts_word_count_duration_seconds{job="a", word_count_range="1-10"}[1m])))'
    )
    for metric in (REQUESTS, QUEUE_DEPTH, *HTTP_METRICS):
        with pytest.raises(ValueError, match="is no native histogram"):
            UNSCOPED.quantile(0.95, metric, over="5m")


def test_only_buckets_have_bounds() -> None:
    within = at_most(STREAM_UNDERRUN, 0.25)
    with pytest.raises(ValueError, match="tts_stream_underrun_seconds has no label le"):
        UNSCOPED.quantile(0.95, STREAM_UNDERRUN, where=within, over="5m")
    with pytest.raises(ValueError, match="tts_stream_underrun_seconds_count has no label le"):
        UNSCOPED.rate(STREAM_UNDERRUN, where=within, over="5m")


def test_a_rate_needs_a_window() -> None:
    assert SCOPED.rate(REQUESTS).endswith("[1m]))")
    with pytest.raises(ValueError, match="tts_requests_total is asked for without a window"):
        UNSCOPED.rate(REQUESTS)


def test_a_ratio_is_nothing_of_nothing_and_zero_without_its_part() -> None:
    assert ratio("a", "b") == "(a or b * 0) / (b > 0)"
