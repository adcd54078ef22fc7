"""The scope of the dashboards' queries: the servers and voices that the variables select."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.variables import INSTANCE, INTERVAL, JOB, VOICE, Variable
from otel.contract import promql
from otel.contract.labels import VOICE_NAME
from otel.contract.metrics import CONTRACT
from otel.contract.pipeline import PipelineMetric
from otel.contract.promql import Metric, PromQL, matchers

DRIFT_JOB_METRICS = frozenset(instrument for instrument in CONTRACT if instrument.name.startswith("tts.drift."))
"""Reported by the drift job, which is none of the servers that the variables select."""


def selected(metric: Metric) -> Sequence[str]:
    """The variables' matchers; a metric of the pipeline has that of its job instead."""
    if isinstance(metric, PipelineMetric):
        return matchers(metric, {promql.JOB: metric.job})
    servers = () if metric in DRIFT_JOB_METRICS else (JOB, INSTANCE)
    return [_matcher(variable) for variable in (*servers, *((VOICE,) if VOICE_NAME in metric.attributes else ()))]


def _matcher(variable: Variable) -> str:
    return f'{variable.label}=~"${variable.name}"'


SELECTED = PromQL(scope=selected, over=INTERVAL, spaced=True)
"""Builds a panel's queries."""
