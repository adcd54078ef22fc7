"""The time range of a page and its step, chosen as Grafana chooses it."""

from __future__ import annotations

from dataclasses import dataclass

SCRAPE_SECONDS = 10
"""The server's export interval; timeInterval of Grafana's data source is the same."""
SCRAPES = 4
"""The minimum number of exports in the window of a rate."""
MAX_POINTS = 240
"""The maximum number of points of a line: a finer step could not be seen."""
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
"""The seconds of each period, by its label."""
DEFAULT_PERIOD = "1 h"


@dataclass(frozen=True, slots=True)
class Window:
    """A time range and its step, in whole seconds since 1970. All queries within one step have the same window."""

    start: int
    end: int
    step: int

    @classmethod
    def until(cls, time: float, seconds: int) -> Window:
        """Returns the last ``seconds`` before ``time``; both ends are multiples of the step, so a chart is stable."""
        step = step_for(seconds)
        end = int(time // step + 1) * step
        return cls(end - seconds, end, step)

    @classmethod
    def of_one_step(cls, start: int, end: int) -> Window:
        """Returns a time range over all of which rates are computed. Raises ValueError if it is too short for that."""
        if end - start < SCRAPES * SCRAPE_SECONDS:
            raise ValueError(f"rates need a range of {SCRAPES * SCRAPE_SECONDS} seconds, not {end - start}")
        return cls(start, end, end - start - SCRAPE_SECONDS)

    @property
    def seconds(self) -> int:
        return self.end - self.start

    @property
    def period(self) -> str:
        """The label of its period."""
        return next((name for name, seconds in PERIODS.items() if seconds == self.seconds), DEFAULT_PERIOD)

    @property
    def rate_interval(self) -> str:
        """The value of $__rate_interval, as Grafana calculates it: a step plus a scrape, and at least four scrapes."""
        return duration(max(self.step + SCRAPE_SECONDS, SCRAPES * SCRAPE_SECONDS))

    @property
    def span(self) -> str:
        """The value of $__range."""
        return duration(self.seconds)


def step_for(seconds: int, points: int = MAX_POINTS) -> int:
    """Returns the smallest of STEPS that divides ``seconds`` into no more than ``points``."""
    return next((step for step in STEPS if seconds / step <= points), STEPS[-1])


def duration(seconds: int) -> str:
    """Returns a duration in PromQL."""
    return f"{seconds}s"
