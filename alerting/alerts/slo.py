"""Alerts on the burn rate of each SLO's error budget, over a long window and a short one.

A pair fires when both windows burn: the long window makes sure that the problem matters, the short one ends the alert
soon after the problem does. Source: the Site Reliability Workbook, chapter 5. Windows are sums of recorded five-minute
rates, so three days cost a few thousand samples instead of every bucket of every series.
"""

from __future__ import annotations

from dataclasses import dataclass

from alerting.alert import Alert, Dashboard, Group, Recording, Severity, Team, Topic
from otel.contract.promql import UNSCOPED, Where, at_most
from otel.contract.slo import AVAILABILITY, CONTINUITY, LATENCY, PLAYBACK, Count, CountedSlo, LatencySlo, Slo

INTERVAL_SECONDS = 30
ENOUGH_BAD = 5
"""The minimum number of bad requests in the long window: with little traffic, one failure is not an outage yet."""
TOTAL, BAD = "slo:tts_slo_total:rate5m", "slo:tts_slo_bad:rate5m"
SECONDS = {"m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Burn:
    """Two windows, and the burn rate that both must exceed: how many times faster than allowed the budget is used."""

    factor: float
    short: str
    long: str
    severity: Severity
    hold: str


BURNS = (
    Burn(14.4, "5m", "1h", Severity.CRITICAL, "2m"),
    Burn(6.0, "30m", "6h", Severity.CRITICAL, "5m"),
    Burn(3.0, "2h", "1d", Severity.WARNING, "15m"),
    Burn(1.0, "6h", "3d", Severity.WARNING, "30m"),
)
WINDOWS = tuple(dict.fromkeys(window for burn in BURNS for window in (burn.short, burn.long)))


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective of the contract, and what its alerts need besides."""

    slo: Slo
    total: str
    """PromQL: requests per second, over five minutes."""
    bad: str
    """PromQL: bad requests per second, over five minutes."""
    topic: Topic
    dashboard: Dashboard


def _rate(count: Count) -> str:
    return UNSCOPED.rate(count.counter, where=count.where, over="5m", suffix=count.suffix)


def _counted(slo: CountedSlo, topic: Topic, dashboard: Dashboard) -> Objective:
    return Objective(slo, slo.requests(_rate), slo.bad_requests(_rate), topic, dashboard)


def _requests_in_words(slo: LatencySlo) -> str:
    return _readings(slo, {label: tuple(slo.bounds) for label in slo.by}, "_count")


def _late(slo: LatencySlo) -> str:
    """All requests but those within the bounds of their range."""
    good = (
        _readings(slo, {**dict.fromkeys(slo.by, value), **at_most(slo.histogram, seconds)}, "_bucket")
        for value, seconds in slo.bounds.items()
    )
    return f"{_requests_in_words(slo)}\n- (\n  " + "\n  or ".join(good) + "\n)"


def _readings(slo: LatencySlo, where: Where, suffix: str) -> str:
    return UNSCOPED.rate(slo.histogram, by=slo.by, where=where, over="5m", suffix=suffix)


OBJECTIVES = (
    _counted(AVAILABILITY, Topic.AVAILABILITY, Dashboard.SERVICE),
    Objective(LATENCY, _requests_in_words(LATENCY), _late(LATENCY), Topic.LATENCY, Dashboard.WORDS),
    _counted(CONTINUITY, Topic.CAPACITY, Dashboard.QUALITY),
    _counted(PLAYBACK, Topic.LATENCY, Dashboard.QUALITY),
)


def ratio(window: str) -> str:
    """Returns the name of the recording of the share of bad requests over a window."""
    return f"slo:tts_slo_bad:ratio_rate{window}"


def _recordings(objective: Objective) -> tuple[Recording, ...]:
    labels = {"slo": objective.slo.name}
    return (
        Recording(TOTAL, objective.total, labels),
        Recording(BAD, objective.bad, labels),
        *(Recording(ratio(window), _share(objective.slo, window), labels) for window in WINDOWS),
    )


def _share(slo: Slo, window: str) -> str:
    selector = f'{{slo="{slo.name}"}}'
    if window == "5m":
        return f"{BAD}{selector} / ({TOTAL}{selector} > 0)"
    over = f"{selector}[{window}]"
    return f"sum_over_time({BAD}{over}) / (sum_over_time({TOTAL}{over}) > 0)"


def _alert(objective: Objective, burn: Burn) -> Alert:
    slo = objective.slo
    limit = burn.factor * slo.budget
    selector = f'{{slo="{slo.name}"}}'
    spent = burn.factor * _seconds(burn.long) / (slo.window_days * 86400)
    return Alert(
        name=f"TtsSlo{slo.name.title()}Burn",
        expr=f"{ratio(burn.long)}{selector} > {limit:g}\nand {ratio(burn.short)}{selector} > {limit:g}\n"
        f"and sum_over_time({BAD}{selector}[{burn.long}]) * {INTERVAL_SECONDS} >= {ENOUGH_BAD}",
        hold=burn.hold,
        severity=burn.severity,
        team=Team.SERVICE,
        topic=objective.topic,
        summary=f"The error budget of {slo.name} burns too fast" + _for_each(slo),
        description=f"{{{{ $value | humanizePercentage }}}} of the requests of the last {burn.long} missed the objective: "
        f"{slo.objective * 100:g} % of {slo.promise.format(**_labels(slo))}. A burn rate of {burn.factor:g} uses {spent:.0%} of the error budget of "
        f"{slo.window_days} days within {burn.long}.",
        dashboard=objective.dashboard,
        labels={"long_window": burn.long, "short_window": burn.short},
    )


def _for_each(slo: Slo) -> str:
    return "".join(f" for {name} {value}" for name, value in _labels(slo).items())


def _labels(slo: Slo) -> dict[str, str]:
    """The labels of the objective's series, and how a text writes their values."""
    return {attribute.name: f"{{{{ $labels.{attribute.name} }}}}" for attribute in slo.by}


def _seconds(window: str) -> int:
    return int(window[:-1]) * SECONDS[window[-1]]


GROUP = Group(
    "slo",
    "Burn rates of the SLOs of otel/contract/slo.py.",
    tuple(_alert(objective, burn) for objective in OBJECTIVES for burn in BURNS),
    tuple(recording for objective in OBJECTIVES for recording in _recordings(objective)),
    f"{INTERVAL_SECONDS}s",
)
