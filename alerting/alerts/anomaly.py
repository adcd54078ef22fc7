"""Today against the same hour of the days before: by median and median deviation, which one odd day does not move."""

from __future__ import annotations

from dataclasses import dataclass

from alerting.alert import Alert, Group, Recording, Severity, Team, Topic
from alerting.links import Dashboard
from alerting.promql import increase, rate
from otel.contract.metrics import REQUESTS, WORD_COUNT_DURATION, WORDS_TOTAL

DAYS = range(1, 8)
ENOUGH_DAYS = 4
"""Before that, "usual" means nothing."""
DEVIATIONS = 4.0
SIGMA = 1.4826
"""Standard deviations in a median deviation, of what is normally distributed."""
ENOUGH_REQUESTS = 20
ENOUGH_WORDS = 1000


@dataclass(frozen=True, slots=True)
class Usual:
    """A number of the last hour, and the records of what is usual at this time of day."""

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


REQUESTS_1H = Usual("tts_requests:rate1h", rate(REQUESTS, "1h"))
WORDS_1H = Usual("tts_words:increase1h", increase(WORDS_TOTAL, "1h"))
SECONDS_PER_WORD = Usual(
    "tts_seconds_per_word:mean1h",
    f"{rate(WORD_COUNT_DURATION, '1h', part='_sum')} / ({rate(WORDS_TOTAL, '1h')} > 0)",
)
USUALS = (REQUESTS_1H, WORDS_1H, SECONDS_PER_WORD)
_R, _W, _S = USUALS
_AGO = f"the median of the same hour of the last {DAYS[-1]} days"

GROUP = Group(
    "anomaly",
    "Today against the same hour of the days before, and what that means for the business.",
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
            summary="Traffic is not as usual at this time",
            description=f"There are {{{{ $value | printf `%.2f` }}}} times as many calls as usual: {_AGO}.",
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
            summary="Speech takes longer than usual at this time",
            description=f"A word takes {{{{ $value | printf `%.1f` }}}} times as long as usual: {_AGO}.",
            dashboard=Dashboard.WORDS,
        ),
        Alert(
            name="TtsUsageDrop",
            expr=f"{_W.record} / {_W.usual} < 0.5\nand {_W.usual} >= {ENOUGH_WORDS}",
            hold="15m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.USAGE,
            summary="Much less is spoken than usual",
            description=f"{{{{ $value | humanizePercentage }}}} of the usual words were spoken within the last hour; usual is {_AGO}.",
            dashboard=Dashboard.USAGE,
        ),
        Alert(
            name="TtsUsageSpike",
            expr=f"{_W.record} / {_W.usual} > 3\nand {_W.record} >= {ENOUGH_WORDS}",
            hold="15m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.USAGE,
            summary="Much more is spoken than usual",
            description=f"{{{{ $value | printf `%.1f` }}}} times the usual words were spoken within the last hour; usual is {_AGO}.",
            dashboard=Dashboard.USAGE,
        ),
    ),
    tuple(recording for usual in USUALS for recording in usual.recordings),
    "60s",
)
