"""Alerts on unusual traffic and usage: today against the same hour of the days before.

Median and median deviation are used because one unusual day does not move them.
"""

from __future__ import annotations

from dataclasses import dataclass

from alerting.alert import Alert, Dashboard, Group, Recording, Severity, Team, Topic
from otel.contract.metrics import REQUESTS, WORD_COUNT_DURATION, WORDS_TOTAL
from otel.contract.promql import UNSCOPED

DAYS = range(1, 8)
ENOUGH_DAYS = 4
"""Days of data from which on "usual" has a meaning."""
DEVIATIONS = 4.0
SIGMA = 1.4826
"""The ratio of standard deviation to median deviation in a normal distribution."""
ENOUGH_REQUESTS = 20
ENOUGH_WORDS = 1000


@dataclass(frozen=True, slots=True)
class Usual:
    """A number of the last hour, and the recordings of what is usual at this time of day."""

    record: str
    expr: str

    @property
    def usual(self) -> str:
        return f"{self.record}_usual"

    @property
    def spread(self) -> str:
        return f"{self.record}_spread"

    @property
    def recordings(self) -> tuple[Recording, ...]:
        days = "\n  or ".join(f'label_replace({self.record} offset {day}d, "day", "{day}", "", "")' for day in DAYS)
        return (
            Recording(self.record, self.expr),
            Recording(self.usual, f"quantile(0.5,\n  {days}\n)\nand count(\n  {days}\n) >= {ENOUGH_DAYS}"),
            Recording(self.spread, f"{SIGMA} * quantile(0.5, abs((\n  {days}\n) - on () group_left () {self.usual}))"),
        )


REQUESTS_1H = Usual("tts_requests:rate1h", UNSCOPED.rate(REQUESTS, over="1h"))
WORDS_1H = Usual("tts_words:increase1h", UNSCOPED.increase(WORDS_TOTAL, over="1h"))
SECONDS_PER_WORD = Usual(
    "tts_seconds_per_word:mean1h",
    f"{UNSCOPED.rate(WORD_COUNT_DURATION, over='1h', suffix='_sum')} / ({UNSCOPED.rate(WORDS_TOTAL, over='1h')} > 0)",
)
USUALS = (REQUESTS_1H, WORDS_1H, SECONDS_PER_WORD)
_R, _W, _S = USUALS
_USUAL = f"Usual is the median of the same hour of the last {DAYS[-1]} days."

GROUP = Group(
    "anomaly",
    "Unusual traffic and usage: today against the same hour of the days before.",
    (
        Alert(
            name="TtsTrafficUnusual",
            expr=f"{_R.record} / {_R.usual}\n"
            f"and abs({_R.record} - {_R.usual}) > {DEVIATIONS:g} * {_R.spread}\n"
            f"and abs({_R.record} - {_R.usual}) > 0.5 * {_R.usual}\n"
            f"and {_R.usual} * 3600 >= {ENOUGH_REQUESTS}",
            hold="10m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.USAGE,
            summary="Traffic is unusual for this time of day",
            description=f"There are {{{{ $value | printf `%.2f` }}}} times as many requests as usual. {_USUAL}",
            dashboard=Dashboard.USAGE,
        ),
        Alert(
            name="TtsSpeechUnusuallySlow",
            expr=f"{_S.record} / {_S.usual} > 1.5\n"
            f"and {_S.record} - {_S.usual} > {DEVIATIONS:g} * {_S.spread}\n"
            f"and {_R.record} * 3600 >= {ENOUGH_REQUESTS}",
            hold="10m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.LATENCY,
            summary="Speech takes longer than usual for this time of day",
            description=f"A word takes {{{{ $value | printf `%.1f` }}}} times as long as usual. {_USUAL}",
            dashboard=Dashboard.WORDS,
        ),
        Alert(
            name="TtsUsageDrop",
            expr=f"{_W.record} / {_W.usual} < 0.5\nand {_W.usual} >= {ENOUGH_WORDS}",
            hold="15m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.USAGE,
            summary="Usage is much lower than usual",
            description="{{ $value | humanizePercentage }} of the usual number of words were spoken within the "
            f"last hour. {_USUAL}",
            dashboard=Dashboard.USAGE,
        ),
        Alert(
            name="TtsUsageSpike",
            expr=f"{_W.record} / {_W.usual} > 3\nand {_W.record} >= {ENOUGH_WORDS}",
            hold="15m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.USAGE,
            summary="Usage is much higher than usual",
            description="{{ $value | printf `%.1f` }} times the usual number of words were spoken within the "
            f"last hour. {_USUAL}",
            dashboard=Dashboard.USAGE,
        ),
    ),
    tuple(recording for usual in USUALS for recording in usual.recordings),
    "60s",
)
