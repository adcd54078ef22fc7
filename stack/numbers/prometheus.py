"""What Prometheus has of one server between two times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from otel.contract.instrument import Instrument
from otel.contract.labels import WORD_COUNT_RANGE
from otel.contract.metrics import REQUESTS, WORD_COUNT_DURATION
from otel.contract.promql import INSTANCE
from stack.numbers.figures import SHARES, Bounds, Figures

Ask = Callable[[str, float | None], list[tuple[dict[str, str], float]]]
"""Returns labels and value of each series of a query, at a time in seconds since 1970, or now."""
BY_WORDS = f"sum by ({WORD_COUNT_RANGE.name}) "


def totals(ask: Ask) -> dict[str, tuple[float, float]]:
    """Returns the number of requests of every server by its instance, and the time of the newest sample."""
    name, by = REQUESTS.prometheus_name, f"by ({INSTANCE})"
    counts = {labels[INSTANCE]: value for labels, value in ask(f"sum {by} ({name})", None)}
    times = {labels[INSTANCE]: value for labels, value in ask(f"max {by} (timestamp({name}))", None)}
    return {instance: (count, times[instance]) for instance, count in counts.items() if instance in times}


@dataclass(frozen=True, slots=True)
class Server:
    """A server in Prometheus, by its instance."""

    ask: Ask
    instance: str

    def counts(self, at: float | None = None) -> dict[str, float]:
        """Returns the number of requests that ended ok, by range of words, as classic and native histograms have it.

        While one of the two lacks a reading the number is the smaller one.
        """
        classic = self._by_words(f"{BY_WORDS}({self._series(WORD_COUNT_DURATION, '_count')})", at)
        native = self._by_words(f"histogram_count({BY_WORDS}({self._series(WORD_COUNT_DURATION)}))", at)
        return {words: min(count, native.get(words, 0.0)) for words, count in classic.items()}

    def between(self, start: float, end: float) -> dict[str, Figures]:
        """Returns what was recorded between two times, by range of words: the differences of cumulative series."""
        sums = f"{BY_WORDS}({self._series(WORD_COUNT_DURATION, '_sum')})"
        seconds, seconds_before = self._by_words(sums, end), self._by_words(sums, start)
        counts, counts_before = self.counts(end), self.counts(start)
        series = self._series(WORD_COUNT_DURATION)
        more = f"{BY_WORDS}({series} @ {end:.3f}) - {BY_WORDS}({series} @ {start:.3f})"
        quantiles = {share: self._by_words(f"histogram_quantile({share}, {more})", end) for share in SHARES}
        found = {}
        for words, count in counts.items():
            requests = round(count - counts_before.get(words, 0.0))
            mean = (seconds[words] - seconds_before.get(words, 0.0)) / requests if requests else None
            by_share = {share: values[words] for share, values in quantiles.items() if words in values and requests}
            found[words] = Figures(requests, mean, by_share)
        return found

    def quantile_since_start(self, share: float, end: float) -> dict[str, Bounds]:
        """Returns a quantile of all that the server's process has recorded, by range of words, with its bounds."""
        series = f"{BY_WORDS}({self._series(WORD_COUNT_DURATION)})"
        found = {}
        for words, count in self.counts(end).items():
            if count:
                shares = (max(share - 1 / count, 0.0), share, min(share + 1 / count, 1.0))
                low, value, high = (
                    self._by_words(f"histogram_quantile({each:.9f}, {series})", end)[words] for each in shares
                )
                found[words] = Bounds(low, value, high)
        return found

    def _by_words(self, promql: str, at: float | None) -> dict[str, float]:
        return {labels[WORD_COUNT_RANGE.name]: value for labels, value in self.ask(promql, at)}

    def _series(self, metric: Instrument, suffix: str = "") -> str:
        return f'{metric.prometheus_name}{suffix}{{{INSTANCE}="{self.instance}"}}'


def results(answer: Any) -> list[tuple[dict[str, str], float]]:
    """Returns labels and value of each series in an answer of Prometheus to an instant query."""
    return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]
