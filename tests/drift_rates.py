"""Hours of outcomes alone, put before the tests of windows in a row: how soon errors are found at quiet hours.

A hundred times as fast as whole rows (tests/drift_services.py), so that thousands of weeks can be simulated.
``python -m tests.drift_rates`` prints the table of drift/README.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from drift.columns.columns import BY_NAME
from drift.reference import usual_value
from drift.reference.usual_value import UsualValue
from drift.verdict.spans import SpanTest, span_test
from tests.drift_traffic import HOUR, MONDAY

ERRORS = BY_NAME["errors"]
WEEK = 168
Outcomes = np.ndarray


@dataclass(frozen=True, slots=True)
class FailingService:
    """A service of which an hour has ``rows`` requests, fewer at night by ``day``, of which so many fail."""

    seed: int
    rows: int = 400
    day: float = 0.0
    """0: all hours alike; 0.9 as in tests.drift_traffic."""
    errors: float = 0.004
    variation: float = 0.09
    """The standard deviation of the logarithm of an hour's rate; 0.3 is restless."""
    memory: float = 0.6

    def hours(self, number: int, since: int = -1, more: float = 0.0) -> Iterator[Outcomes]:
        """The outcomes of so many hours; from the hour ``since`` on, ``more`` of all requests fail."""
        rng, mood = np.random.default_rng(self.seed), 0.0
        for hour in range(number):
            mood = self.memory * mood + math.sqrt(1 - self.memory**2) * rng.normal()
            requests = rng.poisson(self.rows * math.exp(self.day * math.cos((hour % 24 - 14) / 24 * 2 * math.pi)))
            rate = self.errors * math.exp(self.variation * mood) + (more if 0 <= since <= hour else 0.0)
            yield outcomes(int(rng.binomial(requests, min(1.0, rate))), requests)


def outcomes(errors: int, requests: int) -> Outcomes:
    return np.array(["error"] * errors + ["ok"] * (requests - errors), dtype=object)


def usual(service: FailingService, weeks: int = 1) -> UsualValue:
    """The usual value of the first weeks."""
    hours = list(service.hours(WEEK * weeks))
    starts = [MONDAY + number * HOUR for number in range(len(hours))]
    following = [number > 0 for number in range(len(hours))]
    return usual_value.fit(ERRORS, hours, starts, [0] * len(hours), following, 4.0)[0]


def span_tests_of(hours: Sequence[Outcomes] | Iterator[Outcomes], expected: UsualValue) -> Iterator[SpanTest]:
    """The test of each of these hours, one after the other."""
    last: SpanTest | None = None
    for number, values in enumerate(hours):
        last = span_test(ERRORS, values, MONDAY + number * HOUR, expected, last, 2)
        yield last


def hours_until_found(service: FailingService, expected: UsualValue, since: int, more: float = 0.02) -> int:
    """The number of hours after which it is found that ``more`` requests fail; 99 if it is not within a day."""
    hours = list(service.hours(since + 24, since, more))[since - 12 :]
    for number, test in enumerate(span_tests_of(hours, expected)):
        if number >= 12 and test.windows:
            return number - 11
    return 99


def main(tries: int = 100) -> None:
    """Prints the table: the share of errors that are found within so many hours, by the requests of an hour."""
    print("| requests an hour | 2 h | 3 h | 4 h | 6 h |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for rows in (200, 250, 300, 350, 400, 450, 600, 800):
        found = []
        for seed in range(tries // 10):
            expected = usual(FailingService(seed, rows))
            found += [hours_until_found(FailingService(seed, rows), expected, WEEK + 10 * n) for n in range(10)]
        shares = [f"{np.mean(np.array(found) <= hours):.0%}" for hours in (2, 3, 4, 6)]
        print(f"| {rows} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
