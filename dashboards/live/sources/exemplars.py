"""Exemplars of the histograms whose quantiles or distributions a page shows: single requests, each with its trace."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dashboards.live.period import Window
from dashboards.panel import Panel, has_exemplars
from dashboards.variables import ALL, fill

TEXT = r'"(?:\\.|[^"\\])*"'
SELECTOR = re.compile(rf"\b(\w+)(?<!_count)(?<!_sum)(?<!_total)(\{{(?:[^{{}}\"]|{TEXT})*\}})")
"""A selector of a native histogram, or of the buckets of a classic one; others have these suffixes, or no exemplars."""
MATCHER = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({TEXT})")
ESCAPED = re.compile(r"\\(.)")
ALTERNATIVE = re.compile(r"((?:\\.|[^\\|])*)\|")
PLAIN = re.compile(r"(?:[^\\.+*?()\[\]{}^$]|\\[^0-9A-Za-z])*")
"""A regular expression that matches only itself. Others are not evaluated here: views can come from strangers, and
Python's regular expressions, unlike Prometheus', can take exponential time."""
COLUMNS = 48
"""The number of columns of a chart: in each, a panel shows its slowest request."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A sample of a histogram, and the trace of its request."""

    trace_id: str
    time: float
    """Seconds since 1970."""
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of its series, with the metric's name as __name__."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A PromQL selector of a histogram."""

    promql: str
    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Each matcher's label, operator and value."""

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Returns whether it selects a series. A regular expression other than ALL or words selects none."""
        return labels.get("__name__") == self.metric and all(
            _matches(labels.get(label, ""), operator, value) for label, operator, value in self.matchers
        )


def selectors(panel: Panel, window: Window, variables: Mapping[str, str]) -> tuple[Selector, ...]:
    """Returns the selectors of the histograms that a panel draws: as lines of quantiles, or as a heatmap."""
    queries = [query.promql for query in panel.queries if has_exemplars(panel.kind, query)]
    filled = (fill(promql, interval=window.rate_interval, span=window.span, variables=variables) for promql in queries)
    matches = {match[0]: match for promql in filled for match in SELECTOR.finditer(promql)}
    return tuple(_selector(promql, match) for promql, match in matches.items())


def exemplar_query(selectors: Iterable[Selector]) -> str:
    """Returns one query for the exemplars of all selectors."""
    return " or ".join(dict.fromkeys(selector.promql for selector in selectors))


def slowest_in_columns(
    series: Iterable[Sequence[Exemplar]], selectors: Sequence[Selector], window: Window
) -> tuple[Exemplar, ...]:
    """Returns the slowest exemplar in each column of the window, from the series that the selectors select."""
    slowest: dict[int, Exemplar] = {}
    for exemplars in series:
        if not exemplars or not any(selector.takes(exemplars[0].labels) for selector in selectors):
            continue
        for exemplar in exemplars:
            column = int((exemplar.time - window.start) * COLUMNS // window.seconds)
            if 0 <= column < COLUMNS and (column not in slowest or exemplar.value > slowest[column].value):
                slowest[column] = exemplar
    return tuple(slowest[column] for column in sorted(slowest))


def words(pattern: str) -> tuple[str, ...] | None:
    """Returns the words of a regular expression that is only alternatives of words; None for any other."""
    alternatives = ALTERNATIVE.findall(f"{pattern}|")
    if not all(PLAIN.fullmatch(word) for word in alternatives):
        return None
    return tuple(ESCAPED.sub(r"\1", word) for word in alternatives)


def _selector(promql: str, match: re.Match[str]) -> Selector:
    matchers = tuple(
        (label, operator, ESCAPED.sub(r"\1", text[1:-1])) for label, operator, text in MATCHER.findall(match[2])
    )
    return Selector(promql, match[1], matchers)


def _matches(value: str, operator: str, pattern: str) -> bool:
    """Returns whether Prometheus would match the value; False if this module can't tell."""
    if "~" not in operator:
        return (value == pattern) is (operator == "=")
    if pattern == ALL:
        return operator == "=~"
    alternatives = words(pattern)
    return alternatives is not None and (value in alternatives) is (operator == "=~")
