"""The forecast of the next week's requests: simple seasonal methods, judged on weeks that they had not seen.

Each method predicts the 168 hours of a week from the weeks before it. Each week of the past that has two weeks before
it is forecast by the method that had been best until then, and the error of these forecasts is stated. So the choice of
the method is judged too.

Source of the methods: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, chapters 5.2 and 5.8 (seasonal
naive; rolling origin).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

WEEK_HOURS = 168
LEAST_WEEKS = 2
"""Weeks that a method needs."""
PROFILE_WEEKS = 4
"""Weeks whose mean is the usual week."""
MOST_TREND = 2.0
"""The largest change from week to week that is continued, as a factor in either direction."""
DAMPING = 0.5
"""The part of a change that is continued: changes rarely go on as they began."""
BASELINE = "last week again"

Hours = npt.NDArray[np.float64]
"""Requests by hour of a week, shape (168,)."""
Weeks = npt.NDArray[np.float64]
"""Requests by week, the oldest first, and hour: shape (weeks, 168)."""


def _last_week(weeks: Weeks) -> Hours:
    return np.asarray(weeks[-1])


def _usual_week(weeks: Weeks) -> Hours:
    return np.asarray(weeks[-PROFILE_WEEKS:].mean(axis=0))


def _usual_week_at_last_level(weeks: Weeks) -> Hours:
    usual = _usual_week(weeks)
    return usual * float(weeks[-1].sum() / usual.sum() if usual.sum() else 1.0)


def _usual_week_with_trend(weeks: Weeks) -> Hours:
    before, last = float(weeks[-2].sum()), float(weeks[-1].sum())
    growth = float(np.clip(last / before, 1 / MOST_TREND, MOST_TREND)) if before and last else 1.0
    return _usual_week_at_last_level(weeks) * float(growth**DAMPING)


METHODS: Mapping[str, Callable[[Weeks], Hours]] = {
    BASELINE: _last_week,
    "the mean of the last four weeks": _usual_week,
    "the usual week at the last week's level": _usual_week_at_last_level,
    "the usual week with half of the last week's growth": _usual_week_with_trend,
}
"""By their names, the methods; the first is the baseline, and the choice while no week has judged them."""


@dataclass(frozen=True, slots=True)
class ForecastError:
    """How far forecasts were from weeks that they had not seen; shares of the week's requests."""

    weeks: int
    """The weeks that were forecast."""
    total: float
    """The mean error of a week's total."""
    worst_total: float
    """The largest error of a week's total."""
    daily: float
    """The mean error of a day, by a week's mean day (WAPE)."""
    baseline_daily: float
    """The same error of last week again."""


@dataclass(frozen=True, slots=True)
class DayForecast:
    """The requests that are expected in the 24 hours from ``start`` on."""

    start: datetime
    requests: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected requests of the next week."""

    method: str
    days: tuple[DayForecast, ...]
    error: ForecastError | None
    """None if there are too few weeks to judge a forecast."""

    @property
    def requests(self) -> float:
        return sum(day.requests for day in self.days)

    @property
    def range(self) -> tuple[float, float] | None:
        """The requests of the week if the error is as large as the largest one so far; None if it is unknown."""
        if self.error is None:
            return None
        worst = self.error.worst_total
        return max(0.0, self.requests * (1 - worst)), self.requests * (1 + worst)


def forecast(hourly: Sequence[float], start: datetime) -> Forecast:
    """Returns the forecast of the week from ``start`` on.

    ``hourly`` has the requests of each hour of the whole weeks before ``start``, at least two. Raises ValueError for
    another number of hours.
    """
    if len(hourly) < LEAST_WEEKS * WEEK_HOURS or len(hourly) % WEEK_HOURS:
        raise ValueError(f"a forecast needs at least {LEAST_WEEKS} whole weeks, not {len(hourly)} hours")
    weeks = np.asarray(hourly, np.float64).reshape(-1, WEEK_HOURS)
    errors = {name: _past_errors(weeks, method) for name, method in METHODS.items()}
    method = _best(errors, len(weeks))
    days = METHODS[method](weeks).reshape(7, 24).sum(axis=1)
    return Forecast(
        method,
        tuple(DayForecast(start + timedelta(days=number), float(requests)) for number, requests in enumerate(days)),
        _error(weeks, errors),
    )


def _past_errors(weeks: Weeks, method: Callable[[Weeks], Hours]) -> dict[int, float]:
    """Returns the daily error of the method's forecast of each week, by the week's number."""
    return {number: _daily(method(weeks[:number]), weeks[number]) for number in range(LEAST_WEEKS, len(weeks))}


def _best(errors: Mapping[str, Mapping[int, float]], before: int) -> str:
    """Returns the method with the least mean error in the weeks before the one with this number."""
    means = {
        name: float(np.mean([error for number, error in past.items() if number < before]))
        for name, past in errors.items()
        if any(number < before for number in past)
    }
    return min(means, key=lambda name: means[name]) if means else BASELINE


def _error(weeks: Weeks, errors: Mapping[str, Mapping[int, float]]) -> ForecastError | None:
    """Returns the error of the forecasts that would have been made, each by the method chosen before its week."""
    numbers = [number for number in range(LEAST_WEEKS, len(weeks)) if weeks[number].sum()]
    if not numbers:
        return None
    chosen = {number: _best(errors, number) for number in numbers}
    totals = [
        abs(METHODS[method](weeks[:number]).sum() - weeks[number].sum()) / weeks[number].sum()
        for number, method in chosen.items()
    ]
    return ForecastError(
        len(numbers),
        float(np.mean(totals)),
        float(np.max(totals)),
        float(np.mean([errors[method][number] for number, method in chosen.items()])),
        float(np.mean([errors[BASELINE][number] for number in numbers])),
    )


def _daily(predicted: Hours, actual: Hours) -> float:
    """Returns the mean absolute error of the seven days, as a share of the mean day; 0.0 for a week without requests
    that was predicted to be one, 1.0 for another one."""
    days, truth = predicted.reshape(7, 24).sum(axis=1), actual.reshape(7, 24).sum(axis=1)
    if not truth.sum():
        return 0.0 if not days.sum() else 1.0
    return float(np.abs(days - truth).sum() / truth.sum())
