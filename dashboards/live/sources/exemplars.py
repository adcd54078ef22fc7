"""Requests that stand for a point of a chart: exemplars of the histograms that a page's quantiles are taken from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dashboards.live.period import Window
from dashboards.panel import Panel
from dashboards.variables import ALL, fill

QUANTILE = "histogram_quantile("
"""What a panel must ask for: then its values and its exemplars are of the same unit."""
TEXT = r'"(?:\\.|[^"\\])*"'
SELECTOR = re.compile(rf"\b(\w+_bucket)(\{{(?:[^{{}}\"]|{TEXT})*\}})")
MATCHER = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({TEXT})")
ESCAPED = re.compile(r"\\(.)")
ALTERNATIVE = re.compile(r"((?:\\.|[^\\|])*)\|")
PLAIN = re.compile(r"(?:[^\\.+*?()\[\]{}^$]|\\[^0-9A-Za-z])*")
"""Of a pattern: a word that stands for itself. Others are not tried here, since views can be had from strangers and
Python's patterns, unlike Prometheus', can take for ever."""
COLUMNS = 48
"""Of a chart's time: in each, the slowest request of a panel is shown."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A reading of a histogram, and the trace of the request that it comes from."""

    trace_id: str
    time: float
    """Seconds since 1970."""
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of its series, with its name as __name__."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of a histogram's buckets, as PromQL chooses them."""

    promql: str
    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, and value."""

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether it chooses a series. Patterns other than ALL and a choice of plain words choose none."""
        return labels.get("__name__") == self.metric and all(
            _matches(labels.get(label, ""), operator, value) for label, operator, value in self.matchers
        )


def selectors(panel: Panel, window: Window, chosen: Mapping[str, str]) -> tuple[Selector, ...]:
    """Of the histograms whose quantiles a panel draws as lines; of any other panel none."""
    if panel.kind != "lines":
        return ()
    asked = [query.promql for query in panel.queries if QUANTILE in query.promql]
    filled = (fill(promql, interval=window.rate_interval, span=window.span, chosen=chosen) for promql in asked)
    found = {match[0]: match for promql in filled for match in SELECTOR.finditer(promql)}
    return tuple(_selector(promql, match) for promql, match in found.items())


def question(asked: Iterable[Selector]) -> str:
    """One query for the exemplars of all of them."""
    return " or ".join(dict.fromkeys(selector.promql for selector in asked))


def shown(found: Iterable[Sequence[Exemplar]], asked: Sequence[Selector], window: Window) -> tuple[Exemplar, ...]:
    """Those of a panel, out of ``found`` for each series: of each stretch of the time, the slowest."""
    slowest: dict[int, Exemplar] = {}
    for exemplars in found:
        if not exemplars or not any(selector.takes(exemplars[0].labels) for selector in asked):
            continue
        for exemplar in exemplars:
            column = int((exemplar.time - window.start) * COLUMNS // window.seconds)
            if 0 <= column < COLUMNS and (column not in slowest or exemplar.value > slowest[column].value):
                slowest[column] = exemplar
    return tuple(slowest[column] for column in sorted(slowest))


def words(pattern: str) -> tuple[str, ...] | None:
    """The values that a pattern of plain words stands for; None if it is another pattern."""
    alternatives = ALTERNATIVE.findall(f"{pattern}|")
    if not all(PLAIN.fullmatch(word) for word in alternatives):
        return None
    return tuple(ESCAPED.sub(r"\1", word) for word in alternatives)


def _selector(promql: str, found: re.Match[str]) -> Selector:
    matchers = tuple(
        (label, operator, ESCAPED.sub(r"\1", text[1:-1])) for label, operator, text in MATCHER.findall(found[2])
    )
    return Selector(promql, found[1], matchers)


def _matches(value: str, operator: str, wanted: str) -> bool:
    """As Prometheus would say; False if that is not known."""
    if "~" not in operator:
        return (value == wanted) is (operator == "=")
    if wanted == ALL:
        return operator == "=~"
    known = words(wanted)
    return known is not None and (value in known) is (operator == "=~")
