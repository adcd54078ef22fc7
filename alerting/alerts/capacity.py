"""Alerts on capacity: the queue, rejections, connections, the engine's speed, the cache."""

from __future__ import annotations

from alerting.alert import Alert, Dashboard, Group, Severity, Team, Topic
from otel.contract.labels import CACHE_RESULT, EARLY_END, ERROR_TYPE, MODEL_STATE
from otel.contract.metrics import (
    CACHE_REQUESTS,
    CONNECTIONS_ENDED_EARLY,
    ERRORS,
    QUEUE_AUDIO,
    REAL_TIME_FACTOR,
    REQUESTS,
    UNSENT_BYTES,
)
from otel.contract.prediction_metrics import PREDICTION_MODEL
from otel.contract.promql import INSTANCE, UNSCOPED, Where

QUEUE_SECONDS = 450.0
"""Half of the server's default limit (TTSCOPE_MAX_QUEUE_SECONDS)."""
UNSENT_LIMIT = 192 * 2**20
"""Bytes: three quarters of the default limit of one client (half of TTSCOPE_MAX_UNSENT_BYTES)."""
REFUSED_SHARE = 0.05
REFUSED = ("queue_full", "deadline_exceeded")
PACE = 0.8
"""The real-time factor: near 1, a stream is synthesized no faster than it plays."""
HIT_SHARE = 0.1
"""A cache with a lower hit rate makes no difference when it fails."""
FALLEN = 0.5
ENOUGH, ENOUGH_LOOKUPS = 20, 100

MODEL_OFF = ("invalid", "stale", "voices", "worse")
"""The states of a prediction model that is not used. After a deployment, build is usual until the next training."""

LOOKUPS: Where = {CACHE_RESULT: ("hit", "miss", "coalesced")}
_BEFORE = "[6h] offset 30m"


def _before(rate_of_6h: str) -> str:
    """Returns the same rate, over the six hours before the last 30 minutes."""
    return rate_of_6h.replace("[6h]", _BEFORE)


_HITS, _LOOKUPS = (
    UNSCOPED.rate(CACHE_REQUESTS, where={CACHE_RESULT: "hit"}, over="30m"),
    UNSCOPED.rate(CACHE_REQUESTS, where=LOOKUPS, over="30m"),
)
_HITS_BEFORE = _before(UNSCOPED.rate(CACHE_REQUESTS, where={CACHE_RESULT: "hit"}, over="6h"))
_LOOKUPS_BEFORE = _before(UNSCOPED.rate(CACHE_REQUESTS, where=LOOKUPS, over="6h"))

GROUP = Group(
    "capacity",
    "Capacity: queue, rejections, connections, speed, cache.",
    (
        Alert(
            name="TtsQueueSaturated",
            expr=f"{UNSCOPED.largest(QUEUE_AUDIO, by=(INSTANCE,))} > {QUEUE_SECONDS:g}",
            hold="2m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.CAPACITY,
            summary="The queue is half full",
            description="{{ $value | humanizeDuration }} of audio wait to be synthesized on "
            f"{{{{ $labels.instance }}}}; the limit is {QUEUE_SECONDS:g} s. New requests will soon be rejected.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsUnsentAudioHigh",
            expr=f"{UNSCOPED.largest(UNSENT_BYTES, by=(INSTANCE,))} > {UNSENT_LIMIT}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.CAPACITY,
            summary="Much audio waits for slow clients",
            description="{{ $value | humanize1024 }}B of audio wait to be sent by {{ $labels.instance }}; "
            f"the limit is {UNSENT_LIMIT // 2**20} MiB. Clients that do not read their responses will soon be "
            "rejected.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsRequestsRefused",
            expr=f"{UNSCOPED.rate(ERRORS, where={ERROR_TYPE: REFUSED}, over='5m')} / {UNSCOPED.rate(REQUESTS, over='5m')} > {REFUSED_SHARE:g}\n"
            f"and {UNSCOPED.increase(ERRORS, where={ERROR_TYPE: REFUSED}, over='5m')} >= {ENOUGH}",
            hold="2m",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.CAPACITY,
            summary="Requests are rejected for lack of capacity",
            description="{{ $value | humanizePercentage }} of the requests find no capacity or miss their "
            f"deadline; the limit is {REFUSED_SHARE:.0%}.",
            dashboard=Dashboard.SERVICE,
            keep="5m",
        ),
        Alert(
            name="TtsConnectionsFull",
            expr=f"{UNSCOPED.increase(CONNECTIONS_ENDED_EARLY, by=(INSTANCE,), where={EARLY_END: 'full'}, over='5m')} >= {ENOUGH}",
            hold="1m",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.CAPACITY,
            summary="A server has no free connection",
            description="{{ $labels.instance }} answered {{ $value | humanize }} connections of the last five "
            "minutes with 503, because all others had a request.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsRealTimeFactorHigh",
            expr=f"{UNSCOPED.quantile(0.5, REAL_TIME_FACTOR, over='10m')} > {PACE:g}\n"
            f"and {UNSCOPED.increase(REAL_TIME_FACTOR, over='10m')} >= {ENOUGH}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.CAPACITY,
            summary="Synthesis is barely faster than real time",
            description="The median real-time factor of the last ten minutes is {{ $value | printf `%.2f` }}; "
            f"from {PACE:g} on, streams begin to have gaps.",
            dashboard=Dashboard.ENGINE,
        ),
        Alert(
            name="TtsCacheCollapse",
            expr=f"({_HITS} or vector(0)) / {_LOOKUPS}\n"
            f"< {FALLEN:g} * ({_HITS_BEFORE} / {_LOOKUPS_BEFORE} > {HIT_SHARE:g})\n"
            f"and {UNSCOPED.increase(CACHE_REQUESTS, where=LOOKUPS, over='30m')} >= {ENOUGH_LOOKUPS}",
            hold="10m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.CAPACITY,
            summary="The cache hit rate has collapsed",
            description="{{ $value | humanizePercentage }} of the lookups of the last half hour were hits, less than "
            "half of the share in the six hours before.",
            dashboard=Dashboard.ENGINE,
        ),
        Alert(
            name="TtsPredictionModelOff",
            expr=f"{UNSCOPED.largest(PREDICTION_MODEL, by=(INSTANCE, MODEL_STATE), where={MODEL_STATE: MODEL_OFF})} == 1",
            hold="1h",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.CAPACITY,
            summary="The prediction model is switched off",
            description="{{ $labels.instance }} does not use the trained prediction model ({{ $labels.state }}). It "
            "predicts linearly meanwhile: Retry-After and dry runs are less exact.",
            dashboard=Dashboard.PREDICTION,
        ),
    ),
)
