"""How far back a page looks, and how finely: steps as Grafana chooses them."""

from __future__ import annotations

from dataclasses import dataclass

SCRAPE_SECONDS = 10
"""How often the server exports; timeInterval of Grafana's data source says the same."""
POINTS = 240
"""Of a chart, at most: finer is not seen."""
MINUTE, HOUR, DAY = 60, 3600, 86_400
STEPS = (10, 15, 30, *(MINUTE * n for n in (1, 2, 5, 10, 15, 20, 30)), *(HOUR * n for n in (1, 2, 3, 6, 12, 24)))
PERIODS = {
    "15 min": 15 * MINUTE,
    "1 h": HOUR,
    "6 h": 6 * HOUR,
    "24 h": DAY,
    "7 d": 7 * DAY,
    "30 d": 30 * DAY,
}
"""Seconds, by what it is called."""
USUAL = "1 h"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time and its step, in whole seconds since 1970; the same for all who ask within one step."""

    start: int
    end: int
    step: int

    @classmethod
    def until(cls, now: float, seconds: int) -> Window:
        """The last ``seconds``; its ends are multiples of its step, so that a chart does not tremble."""
        step = step_for(seconds)
        end = int(now // step + 1) * step
        return cls(end - seconds, end, step)

    @property
    def seconds(self) -> int:
        return self.end - self.start

    @property
    def period(self) -> str:
        """What it is called."""
        return next((name for name, seconds in PERIODS.items() if seconds == self.seconds), USUAL)

    @property
    def rate_interval(self) -> str:
        """$__rate_interval as Grafana reckons it: a step and a scrape more, and never less than four scrapes."""
        return duration(max(self.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS))

    @property
    def span(self) -> str:
        """$__range."""
        return duration(self.seconds)


def step_for(seconds: int, points: int = POINTS) -> int:
    """The finest of STEPS by which ``seconds`` have no more than ``points``."""
    return next((step for step in STEPS if seconds / step <= points), STEPS[-1])


def duration(seconds: int) -> str:
    """As Prometheus writes it."""
    return f"{seconds}s"
