"""Annotation events: one query for all annotations, an event for each run of samples in its result."""

from __future__ import annotations

import math

import pytest

from dashboards.annotations import ALERTS, ANNOTATIONS, DEPLOYS, DRIFT
from dashboards.live.period import MINUTE, PERIODS, Window
from dashboards.live.sources import annotation_query
from dashboards.live.sources.annotation_query import KIND, MAX_EVENTS, MAX_STEPS, QUERY, AnnotationEvent
from tests.unit.live.drawing import BEGIN, series

NAN = math.nan


def test_one_query_has_all_annotations_of_grafana() -> None:
    for annotation in ANNOTATIONS:
        assert f'label_replace({annotation.promql}, "{KIND}", "{annotation.name}", "", "")' in QUERY.promql


def test_each_run_of_samples_is_an_event_with_the_texts_of_its_annotation() -> None:
    alert = series("", 1, 1, NAN, 1, NAN, **{KIND: ALERTS.name, "alertname": "TtsCpuHigh", "severity": "warning"})
    deploy = series("", NAN, 1, NAN, NAN, NAN, **{KIND: DEPLOYS.name, "service_version": "0.2", "tts_build": "b7"})
    assert annotation_query.read_events([alert, deploy]) == (
        AnnotationEvent(ALERTS, "TtsCpuHigh", "warning", BEGIN, BEGIN + 10, begun_before=True),
        AnnotationEvent(DEPLOYS, "0.2", "build b7", BEGIN + 10, BEGIN + 10, begun_before=False),
        AnnotationEvent(ALERTS, "TtsCpuHigh", "warning", BEGIN + 30, BEGIN + 30, begun_before=False),
    )


def test_only_the_latest_events_are_kept() -> None:
    values = (1, NAN) * 300
    events = annotation_query.read_events(
        [series("", *values, **{KIND: ALERTS.name, "alertname": "TtsCpuHigh", "severity": "warning"})]
    )
    assert len(events) == MAX_EVENTS
    assert events[-1].begin == BEGIN + 10 * 598


def test_a_deploy_before_the_time_range_is_not_an_event() -> None:
    labels = {KIND: DEPLOYS.name, "service_version": "0.2", "tts_build": "b7"}
    assert annotation_query.read_events([series("", 1, 1, NAN, **labels)]) == ()


def test_series_of_no_annotation_are_ignored() -> None:
    assert (
        annotation_query.read_events([series("", 1.0), series("", NAN, **{KIND: DRIFT.name, "column": "latency"})])
        == ()
    )


@pytest.mark.parametrize("seconds", PERIODS.values())
def test_a_deploy_is_never_between_two_steps(seconds: int) -> None:
    window = Window.until(1_800_000_001.3, seconds)
    query_window = annotation_query.query_window(window)
    assert MINUTE <= query_window.step <= 5 * MINUTE  # a deploy is seen for five minutes
    assert query_window.start <= window.start < window.end <= query_window.end
    assert query_window.start % query_window.step == query_window.end % query_window.step == 0
    assert query_window.seconds / query_window.step < MAX_STEPS
