"""Alerts on what users notice: failures, slow responses, speech that begins late or has gaps."""

from __future__ import annotations

from alerting.alert import Alert, Dashboard, Group, Severity, Team, Topic
from otel.contract.labels import OUTCOME, SIDE, WORD_COUNT_RANGE
from otel.contract.metrics import ERRORS, REQUEST_DURATION, REQUESTS, STREAM_UNDERRUN, TIME_TO_FIRST_AUDIO
from otel.contract.promql import UNSCOPED, Where, at_most
from otel.contract.slo import ERRORS_PER_SECOND, P95_SECONDS, SUCCESS_SHARE

FIRST_AUDIO_SECONDS = 2.5
SHORT_TEXTS = ("1-10", "11-25")
"""Word ranges whose first audio is expected soon. A long text that is not streamed has its first audio at its end."""
HOLE_SECONDS = 0.25
HOLES_SHARE = 0.05
ENOUGH = 20
"""The minimum number of requests in the window: with fewer, one is more than 5 % and the p95 is the slowest."""

JUDGED: Where = {OUTCOME: ("ok", "error")}
LATE: Where = {WORD_COUNT_RANGE: SHORT_TEXTS}

GROUP = Group(
    "service",
    "What users notice.",
    (
        Alert(
            name="TtsErrorRateHigh",
            expr=f"{UNSCOPED.rate(ERRORS, where={SIDE: 'server'}, over='5m')} > {ERRORS_PER_SECOND:g}",
            hold="2m",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.AVAILABILITY,
            summary="Synthesis requests fail",
            description="{{ $value | printf `%.2f` }} requests per second fail because of the server; the limit "
            f"is {ERRORS_PER_SECOND:g}.",
            dashboard=Dashboard.SERVICE,
            keep="5m",
        ),
        Alert(
            name="TtsLatencyHigh",
            expr=f"{UNSCOPED.quantile(0.95, REQUEST_DURATION, over='5m')} > {P95_SECONDS:g}\n"
            f"and {UNSCOPED.increase(REQUEST_DURATION, over='5m')} >= {ENOUGH}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.LATENCY,
            summary="Responses are slow",
            description="The p95 response time of the last five minutes is {{ $value | humanizeDuration }}; the "
            f"limit is {P95_SECONDS:g} s.",
            dashboard=Dashboard.WORDS,
            keep="5m",
        ),
        Alert(
            name="TtsSuccessRateLow",
            expr=f"({UNSCOPED.rate(REQUESTS, where={OUTCOME: 'ok'}, over='5m')} or vector(0)) / {UNSCOPED.rate(REQUESTS, where=JUDGED, over='5m')}"
            f" < {SUCCESS_SHARE:g}\nand {UNSCOPED.increase(REQUESTS, where=JUDGED, over='5m')} >= {ENOUGH}",
            hold="2m",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.AVAILABILITY,
            summary="Too few requests succeed",
            description="{{ $value | humanizePercentage }} of the accepted requests succeed; the minimum is "
            f"{SUCCESS_SHARE:.0%}.",
            dashboard=Dashboard.SERVICE,
            keep="5m",
        ),
        Alert(
            name="TtsFirstAudioLate",
            expr=f"{UNSCOPED.quantile(0.95, TIME_TO_FIRST_AUDIO, where=LATE, over='5m')} > {FIRST_AUDIO_SECONDS:g}\n"
            f"and {UNSCOPED.increase(TIME_TO_FIRST_AUDIO, where=LATE, over='5m')} >= {ENOUGH}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.LATENCY,
            summary="First audio is late",
            description="The p95 time to first audio of texts of up to 25 words is "
            f"{{{{ $value | humanizeDuration }}}}; the limit is {FIRST_AUDIO_SECONDS:g} s.",
            dashboard=Dashboard.WORDS,
            keep="5m",
        ),
        Alert(
            name="TtsStreamHoles",
            expr=f"1 - {UNSCOPED.increase(STREAM_UNDERRUN, where=at_most(STREAM_UNDERRUN, HOLE_SECONDS), over='15m', suffix='_bucket')} / "
            f"{UNSCOPED.increase(STREAM_UNDERRUN, over='15m')} > {HOLES_SHARE:g}\n"
            f"and {UNSCOPED.increase(STREAM_UNDERRUN, over='15m')} >= {ENOUGH}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.CAPACITY,
            summary="Streams have gaps",
            description="{{ $value | humanizePercentage }} of the streams were silent for more than "
            f"{HOLE_SECONDS:g} s in the middle of speech; the limit is {HOLES_SHARE:.0%}.",
            dashboard=Dashboard.ENGINE,
        ),
    ),
)
