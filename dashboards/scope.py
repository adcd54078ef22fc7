"""The scope of the dashboards' queries: the servers and voices that the variables select."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.variables import INSTANCE, INTERVAL, JOB, VOICE, Variable
from otel.contract import promql
from otel.contract.drift_metrics import DRIFT_METRICS
from otel.contract.labels import VOICE_NAME
from otel.contract.pipeline import PipelineMetric
from otel.contract.promql import Metric, PromQL, matchers


def servers(metric: Metric) -> Sequence[str]:
    """The matchers of the selected servers; a metric of the pipeline has that of its job, one of the drift job none."""
    if isinstance(metric, PipelineMetric):
        return matchers(metric, {promql.JOB: metric.job})
    return [] if metric in DRIFT_METRICS else [_matcher(JOB), _matcher(INSTANCE)]


def servers_and_voices(metric: Metric) -> Sequence[str]:
    """The matchers of the selected servers, and of the selected voices if the metric has the label."""
    return [*servers(metric), *([_matcher(VOICE)] if VOICE_NAME in metric.attributes else [])]


def _matcher(variable: Variable) -> str:
    return f'{variable.label}=~"${variable.name}"'


SELECTED = PromQL(scope=servers_and_voices, over=INTERVAL, spaced=True)
"""Builds a panel's queries."""
SELECTED_SERVERS = PromQL(scope=servers, over=INTERVAL, spaced=True)
"""Builds queries that add up metrics with a voice and metrics without one: a voice can't be selected in both."""
