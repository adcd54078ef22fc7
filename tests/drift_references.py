"""References for tests, made once a process: of a service whose hours all have the same number of requests."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from drift.reference.calibration import calibrate
from drift.reference.reference import Reference
from tests.drift_traffic import HOUR, MONDAY, Hour, Service, rows_of, week

HOURS = 48
START = MONDAY + HOURS * HOUR
"""Of the window after the reference."""


@cache
def calibrated() -> Reference:
    """Of two days of 600 requests an hour, which is called enough here."""
    return calibrate(week(Service(7, rows=600, steady=True), HOURS), least_windows=HOURS, created=MONDAY)


@cache
def cold() -> Reference:
    """Of a day, which is not enough."""
    return calibrate(week(Service(8, rows=600, steady=True), 24), created=MONDAY)


def window(hour: Hour | None = None, *, rows: int = 600, seed: int = 1, hours: int = 0) -> pd.DataFrame:
    """A window's rows, so many hours after the reference; of an ordinary hour unless it is given."""
    return rows_of(hour or Hour(rows=rows), START + hours * HOUR, np.random.default_rng(seed))
