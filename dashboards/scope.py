"""The scope of the dashboards' queries: the servers and voices that the variables select."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.variables import INSTANCE, INTERVAL, JOB, VOICE, Variable
from otel.contract import promql
from otel.contract.drift_metrics import DRIFT_METRICS
from otel.contract.labels import GEN_AI_MODEL, VOICE_NAME
from otel.contract.pipeline import PipelineMetric
from otel.contract.promql import Metric, PromQL, matchers


def servers(metric: Metric) -> Sequence[str]:
    """Returns the matchers of the selected servers; of the job for a pipeline metric, none for a drift metric."""
    if isinstance(metric, PipelineMetric):
        return matchers(metric, {promql.JOB: metric.job})
    return [] if metric in DRIFT_METRICS else [_matcher(JOB), _matcher(INSTANCE)]


def servers_and_voices(metric: Metric) -> Sequence[str]:
    """Returns the matchers of the selected servers, and of the selected voices if the metric has such a label."""
    labels = [label.prometheus_name for label in (VOICE_NAME, GEN_AI_MODEL) if label in metric.attributes]
    return [*servers(metric), *(_matcher(VOICE, label) for label in labels)]


def _matcher(variable: Variable, label: str = "") -> str:
    return f'{label or variable.label}=~"${variable.name}"'


SELECTED = PromQL(scope=servers_and_voices, over=INTERVAL, spaced=True)
"""Builds a panel's queries."""
SELECTED_SERVERS = PromQL(scope=servers, over=INTERVAL, spaced=True)
"""Builds queries that add metrics with a voice to metrics without one, where a voice can't be selected in both."""
