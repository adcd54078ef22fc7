"""The signals of automatic scaling: what they measure, as PromQL, and how much of it one server should have.

The panels of dashboards/boards/scaling.py are made from this; a test holds the manifests of deploy/kubernetes to it.
"""

from __future__ import annotations

from otel.contract.labels import STAGE
from otel.contract.metrics import QUEUE_AUDIO, STAGE_DURATION
from otel.contract.promql import PromQL
from otel.contract.values import WORK

RECENT = "30s"
"""A server that has sent nothing for so long does not count: three exports of OTEL_METRIC_EXPORT_INTERVAL=10000."""
WORK_WINDOW = "1m"

BUSY_SHARE = 0.6
"""The share of a server's threads that should be busy. The rest is for what arrives until another server is ready."""
THREADS = 2
"""The threads of one server: the processors that its pod requests."""
BUSY_THREADS = THREADS * BUSY_SHARE
QUEUE_SECONDS = 60.0
"""The queued audio that one server should have. Two cores make it within 2.5 s, the objective of 11 to 25 words."""


def servers(promql: PromQL) -> str:
    """PromQL: the number of servers that report; no value if none does."""
    return f"count(avg_over_time({promql.series(QUEUE_AUDIO)}[{RECENT}]))"


def queued_audio(promql: PromQL) -> str:
    """PromQL: the seconds of audio that requests of all servers wait for; no value if no server reports."""
    return promql.recent(QUEUE_AUDIO, over=RECENT)


def busy_threads(promql: PromQL) -> str:
    """PromQL: the number of threads that made audio, on all servers; no value if no server reports.

    A stage has no series before its first request, which must not look like a lost pipeline.
    """
    work = promql.rate(STAGE_DURATION, where={STAGE: WORK}, over=WORK_WINDOW, suffix="_sum")
    return f"{work} or 0 * {queued_audio(promql)}"


def per_server(total: str, promql: PromQL) -> str:
    """PromQL: the mean of a total over the servers."""
    return f"({total}) / {servers(promql)}"
