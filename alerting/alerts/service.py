"""What callers notice: failures, slowness, speech that begins late or has holes."""

from __future__ import annotations

from alerting.alert import Alert, Group, Severity, Team, Topic
from alerting.links import Dashboard
from alerting.promql import bound, increase, quantile, rate
from otel.contract.labels import OUTCOME, SIDE, WORD_COUNT_RANGE
from otel.contract.metrics import ERRORS, REQUEST_DURATION, REQUESTS, STREAM_UNDERRUN, TIME_TO_FIRST_AUDIO
from otel.contract.promql import Where

ERRORS_PER_SECOND = 0.1
"""By requirement A6."""
P95_SECONDS = 10.0
"""By requirement A6."""
SUCCESS_SHARE = 0.95
"""By requirement B3."""
FIRST_AUDIO_SECONDS = 2.5
SHORT_TEXTS = ("1-10", "11-25")
"""Whose first audio is late for everybody: of a long text that was not streamed, it is the whole answer."""
HOLE_SECONDS = 0.25
HOLES_SHARE = 0.05
ENOUGH = 20
"""Requests in the window: of fewer, one is more than 5 %, and a p95 is only the slowest."""

JUDGED: Where = {OUTCOME: ("ok", "error")}
LATE: Where = {WORD_COUNT_RANGE: SHORT_TEXTS}

GROUP = Group(
    "service",
    "What callers notice. The first two and the third are those of requirements A6 and B3.",
    (
        Alert(
            name="TtsErrorRateHigh",
            expr=f"{rate(ERRORS, '5m', {SIDE: 'server'})} > {ERRORS_PER_SECOND:g}",
            hold="2m",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.AVAILABILITY,
            summary="Calls for audio fail",
            description="{{ $value | printf `%.2f` }} calls a second fail by the server's fault; "
            f"more than {ERRORS_PER_SECOND:g} is too many.",
            dashboard=Dashboard.SERVICE,
            keep="5m",
        ),
        Alert(
            name="TtsLatencyHigh",
            expr=f"{quantile(0.95, REQUEST_DURATION, '5m')} > {P95_SECONDS:g}\n"
            f"and {increase(REQUEST_DURATION, '5m', part='_count')} >= {ENOUGH}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.LATENCY,
            summary="Answers take long",
            description="The slowest 5 % of the last five minutes took {{ $value | humanizeDuration }} or more; "
            f"the limit is {P95_SECONDS:g} s.",
            dashboard=Dashboard.WORDS,
            keep="5m",
        ),
        Alert(
            name="TtsSuccessRateLow",
            expr=f"({rate(REQUESTS, '5m', {OUTCOME: 'ok'})} or vector(0)) / {rate(REQUESTS, '5m', JUDGED)}"
            f" < {SUCCESS_SHARE:g}\nand {increase(REQUESTS, '5m', JUDGED)} >= {ENOUGH}",
            hold="2m",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.AVAILABILITY,
            summary="Too few calls succeed",
            description="{{ $value | humanizePercentage }} of the calls that were let in succeed; "
            f"it should be {SUCCESS_SHARE:.0%} at least.",
            dashboard=Dashboard.SERVICE,
            keep="5m",
        ),
        Alert(
            name="TtsFirstAudioLate",
            expr=f"{quantile(0.95, TIME_TO_FIRST_AUDIO, '5m', LATE)} > {FIRST_AUDIO_SECONDS:g}\n"
            f"and {increase(TIME_TO_FIRST_AUDIO, '5m', LATE, part='_count')} >= {ENOUGH}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.LATENCY,
            summary="Speech begins late",
            description="For texts of up to 25 words, the slowest 5 % waited {{ $value | humanizeDuration }} or more for "
            f"their first audio; the limit is {FIRST_AUDIO_SECONDS:g} s.",
            dashboard=Dashboard.WORDS,
            keep="5m",
        ),
        Alert(
            name="TtsStreamHoles",
            expr=f"1 - {increase(STREAM_UNDERRUN, '15m', bound(STREAM_UNDERRUN, HOLE_SECONDS), part='_bucket')} / "
            f"{increase(STREAM_UNDERRUN, '15m', part='_count')} > {HOLES_SHARE:g}\n"
            f"and {increase(STREAM_UNDERRUN, '15m', part='_count')} >= {ENOUGH}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.CAPACITY,
            summary="Streams have holes",
            description=f"{{{{ $value | humanizePercentage }}}} of the streams were silent for more than {HOLE_SECONDS:g} s in "
            f"the middle of their speech; the limit is {HOLES_SHARE:.0%}.",
            dashboard=Dashboard.ENGINE,
        ),
    ),
)
