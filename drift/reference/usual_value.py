"""What a column's windows usually are, so that several windows in a row can be judged together.

A number is described by its midmean, the average of the middle half of its values; a rate by how often a category
occurs. A window's deviation is how far it is from the usual, in standard deviations of the service's own windows:

- For a number, their variance is that between windows and that of the midmean itself. If the past shows a daily cycle
  (a sine wave explains more of it than chance would), the usual value follows it.
- For a rate, the p-value of the window's count is exact under the beta-binomial distribution, whose rate varies from
  window to window as much as in the past, and is itself known from so many requests only. The deviation is the normal
  quantile of the mid-p-value (Lancaster 1961).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec
import numpy as np
from scipy import special, stats

from drift.columns.column import Column
from drift.columns.reader import Floats, Values
from drift.reference.calendar import DAY, hour_of_week
from drift.reference.pooled_rate import pooled_scatter
from drift.reference.rarity import LEAST_PAIRS, safety
from otel.contract.drift_verdict import RareCount

LEAST_VALUES = 50
"""The minimum number of values of a window."""
LEAST_WINDOWS = 5
"""The minimum number of windows of hours with a usual value of their own."""
OWN_SCATTER = 30
"""The minimum number of windows of hours whose scatter is used even if it is less than that of all hours."""
SURER = 1.3
"""The factor on the deviations of a single window: 5.2 instead of 4, since many rows of windows are looked at."""
SMALLEST = 12
"""The standard deviation between windows is at least the smallest change that matters, divided by this."""
FARTHEST = 5.0
"""The most that a single window counts for, so that one window alone is no drift."""
SPANS = (1, 2, 3, 4, 6, 8, 12)
"""The numbers of windows in a row that are judged together."""
CHANCE = 0.05
"""The chance that the scatter of a rate is larger than assumed."""
CYCLE_LEVEL = 0.001
"""The chance that a daily cycle is seen where there is none."""
DAYS_OF_CYCLE = 7
"""The minimum number of dates that show a daily cycle."""


class UsualValue(msgspec.Struct, frozen=True, array_like=True):
    """The usual value of a column in some hours."""

    usual: float
    """The average of the windows' midmeans, or the rate."""
    scatter: float
    """The standard deviation between windows; for a rate the correlation of two requests of one window, from 0 to 1,
    which tells how the rate varies (0 in a binomial distribution)."""
    cycle: tuple[float, float] = (0.0, 0.0)
    """The cosine's and the sine's share of the daily cycle, which is added to ``usual``."""
    certainty: float = 1.0
    """The number of independent windows of the past."""
    correlation: float = 0.0
    """The correlation of neighbouring windows' deviations."""
    limit: float = 0.0
    """The deviation of several windows together from which they have drifted."""
    windows: int = 0
    scatters: tuple[float, ...] = ()
    """For the rate of something rare: ``scatter`` of as many windows in a row together as SPANS has, for each."""

    def deviation(self, column: Column, values: Values, start: datetime) -> float:
        """Returns the deviation of the window that begins at ``start``: positive if its values are larger, or the
        category is more frequent."""
        if column.rate is not None:
            count = int((values == column.rate).sum())
            return rate_deviation(count, len(values), self.usual, self.scatter)
        middle, variance = midmean(values)
        return (middle - self._usual_at(start)) / float(np.sqrt(self.scatter**2 + variance))

    def change(self, column: Column, values: Values, start: datetime) -> float:
        """Returns the difference to the usual value: of midmeans, or of rates."""
        if column.rate is not None:
            return float(np.mean(values == column.rate)) - self.usual
        return midmean(values)[0] - self._usual_at(start)

    def rare_count(self, column: Column, values: Values) -> RareCount:
        """Returns how many of ``values`` are not in the sound category."""
        return RareCount(int((values != column.rate).sum()), len(values), 1.0 - self.usual)

    def together(self, deviations: Sequence[float]) -> float:
        """Returns the deviation of windows in a row: their sum, divided by its standard deviation."""
        size = len(deviations)
        return float(sum(deviations)) / float(np.sqrt(_variance(size, self.correlation) + size**2 / self.certainty))

    def _usual_at(self, start: datetime) -> float:
        return self.usual + float(_waves([start])[0] @ np.asarray(self.cycle))


def midmean(values: Values) -> tuple[float, float]:
    """Returns the mean of the middle half of ``values``, and its variance (Tukey and McLaughlin 1963)."""
    ordered: Floats = np.sort(values)
    quarter = len(ordered) // 4
    middle = ordered[quarter : len(ordered) - quarter]
    held = np.clip(ordered, middle[0], middle[-1])
    share = len(middle) / len(ordered)
    return float(np.mean(middle)), float(np.var(held, ddof=1)) / (len(ordered) * share**2)


def rate_deviation(count: int, number: int, rate: float, scatter: float) -> float:
    """Returns the normal quantile of the mid-p-value of ``count`` in ``number``, by the beta-binomial."""
    concentration = 1 / max(scatter, 1e-9) - 1
    a, b = rate * concentration, (1 - rate) * concentration
    k = np.arange(number + 1)
    ways = special.gammaln(number + 1) - special.gammaln(k + 1) - special.gammaln(number - k + 1)
    chances = np.exp(ways + special.betaln(k + a, number - k + b) - special.betaln(a, b))
    more = float(chances[count + 1 :].sum() + chances[count] / 2)
    fewer = float(chances[:count].sum() + chances[count] / 2)
    return float(stats.norm.isf(max(more, 1e-300))) if more <= fewer else -float(stats.norm.isf(max(fewer, 1e-300)))


def fit(  # noqa: PLR0917 - what is fitted, and three facts of each window
    column: Column,
    windows: Sequence[Values],
    starts: Sequence[datetime],
    groups: Sequence[int],
    following: Sequence[bool],
    deviations: float,
) -> dict[int, UsualValue]:
    """Returns the usual value of each group of ``windows`` that has enough of them.

    ``groups`` is the number of each window's group, and ``following`` tells whether it directly follows the one before.
    """
    enough = [number for number, values in enumerate(windows) if len(values) >= LEAST_VALUES]
    members = {group: [n for n in enough if groups[n] == group] for group in sorted({groups[n] for n in enough})}
    members = {group: numbers for group, numbers in members.items() if len(numbers) >= LEAST_WINDOWS}
    if not members:
        return {}
    if column.rate is not None:
        measured = _rates(column, windows, members)
    else:
        measured = _levels(column, windows, starts, members)
    plain = {
        n: measured[group].deviation(column, windows[n], starts[n])
        for group, numbers in members.items()
        for n in numbers
    }
    r = _correlation([(plain[n - 1], plain[n]) for n in plain if following[n] and n - 1 in plain])
    correlation = min(0.95, r + 1 / float(np.sqrt(len(plain))))
    wanted = SURER * deviations
    limit = wanted * safety(len(plain), r, wanted) * _unevenness(plain, following, correlation)
    certainty = _independent(sorted(plain), following, r)
    own = {group: _independent(numbers, following, r) for group, numbers in members.items()}
    fitted = {
        group: msgspec.structs.replace(
            _less_certain(column, of_group, own[group]),
            certainty=certainty,
            correlation=correlation,
            limit=limit,
            windows=len(members[group]),
        )
        for group, of_group in measured.items()
    }
    if not column.rare:
        return fitted
    counts = {n: fitted[groups[n]].rare_count(column, windows[n]) for numbers in members.values() for n in numbers}
    together = [pooled_scatter(counts, following, size, certainty) for size in SPANS]
    return {
        group: msgspec.structs.replace(usual, scatters=_scatters(usual, together, own[group], counts, members[group]))
        for group, usual in fitted.items()
    }


def _scatters(
    usual: UsualValue,
    together: Sequence[float],
    independent: float,
    counts: Mapping[int, RareCount],
    members: list[int],
) -> tuple[float, ...]:
    """Returns the scatters of windows in a row: those of a single window at most, and the usual rate is itself known
    from so many requests and independent windows only."""
    unknown = 1.0 / sum(counts[n].requests for n in members)
    return tuple(min(usual.scatter, scatter * (1.0 + 1.0 / independent) + unknown) for scatter in together)


def _levels(
    column: Column, windows: Sequence[Values], starts: Sequence[datetime], members: Mapping[int, list[int]]
) -> dict[int, UsualValue]:
    numbers = [n for of_group in members.values() for n in of_group]
    middles, variances = (np.asarray(side) for side in zip(*(midmean(windows[n]) for n in numbers), strict=True))
    dummies = np.concatenate([np.full(len(of_group), place) for place, of_group in enumerate(members.values())])
    design = (dummies[:, None] == np.arange(len(members))).astype(np.float64)
    cycle = _cycle(middles, design, [starts[n] for n in numbers])
    residual = middles - _waves([starts[n] for n in numbers]) @ cycle
    means = [float(np.mean(residual[dummies == place])) for place in range(len(members))]
    residual -= np.asarray(means)[dummies]

    def scatter(chosen: Floats) -> float:
        free = int(chosen.sum()) - len(set(dummies[chosen]))
        between = float(np.square(residual[chosen]).sum()) / free - float(np.mean(variances[chosen]))
        return max(column.least / SMALLEST, float(np.sqrt(max(0.0, between))))

    of_all = scatter(np.ones(len(numbers), dtype=np.bool_))
    fitted = {}
    for place, (group, of_group) in enumerate(members.items()):
        own = scatter(dummies == place)
        spread = own if len(of_group) >= OWN_SCATTER else max(own, of_all)
        fitted[group] = UsualValue(means[place], spread, (float(cycle[0]), float(cycle[1])))
    return fitted


def _cycle(middles: Floats, design: Floats, starts: Sequence[datetime]) -> Floats:
    """Returns the daily cycle by least squares, beside the groups' means; (0, 0) if an F test does not show one.

    The test counts neighbours only as far as they are independent of each other.
    """
    if len({start.date() for start in starts}) < DAYS_OF_CYCLE:
        return np.zeros(2)
    whole = np.hstack((design, _waves(starts)))
    solved = np.linalg.lstsq(whole, middles, rcond=None)[0]
    left, without = (middles - fit_to @ np.linalg.lstsq(fit_to, middles, rcond=None)[0] for fit_to in (whole, design))
    order = np.argsort(np.asarray([start.timestamp() for start in starts]))
    ordered = left[order]
    r = _correlation(list(pairwise(ordered)))
    free = max(1.0, (len(middles) - whole.shape[1]) * (1 - r) / (1 + r))
    rest = float(left @ left)
    ratio = (float(without @ without) - rest) / 2 / (rest / free) if rest else np.inf
    shown = float(stats.f.sf(ratio, 2, free)) <= CYCLE_LEVEL
    return np.asarray(solved[-2:]) if shown else np.zeros(2)


def _waves(starts: Sequence[datetime]) -> Floats:
    """Returns the cosine and the sine of the time of day of each window."""
    angle = np.asarray([hour_of_week(start) % DAY / DAY * 2 * np.pi for start in starts])
    return np.stack((np.cos(angle), np.sin(angle)), axis=1)


def _rates(column: Column, windows: Sequence[Values], members: dict[int, list[int]]) -> dict[int, UsualValue]:
    counts = {n: int((windows[n] == column.rate).sum()) for numbers in members.values() for n in numbers}
    sizes = {n: len(windows[n]) for n in counts}
    totals = {group: sum(sizes[n] for n in numbers) for group, numbers in members.items()}
    rates = {g: (sum(counts[n] for n in numbers) + 0.5) / (totals[g] + 1) for g, numbers in members.items()}
    free = max(1, len(counts) - len(members))
    squares = sum(
        (counts[n] - sizes[n] * rates[group]) ** 2 / (sizes[n] * rates[group] * (1 - rates[group]))
        for group, numbers in members.items()
        for n in numbers
    )
    # The sum of squares is about free + scatter * sum(size - 1); its upper bound is taken.
    most = squares * free / float(stats.chi2.ppf(CHANCE, free))
    scatter = min(0.5, max(0.0, (most - free) / sum(size - 1 for size in sizes.values())))
    return {group: UsualValue(rates[group], min(0.5, scatter + 1 / totals[group])) for group in members}


def _less_certain(column: Column, usual: UsualValue, independent: float) -> UsualValue:
    """Returns the usual value with more scatter, since its average is known from so many windows only."""
    factor = 1 + 1 / independent
    scatter = min(0.5, usual.scatter * factor) if column.rate is not None else usual.scatter * float(np.sqrt(factor))
    return msgspec.structs.replace(usual, scatter=scatter)


def _independent(numbers: Sequence[int], following: Sequence[bool], r: float) -> float:
    """Returns how many independent windows are as certain of their average as those of ``numbers``."""
    lengths: list[int] = []
    for place, number in enumerate(numbers):
        if place and following[number] and numbers[place - 1] == number - 1:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return len(numbers) ** 2 / sum(_variance(length, r) for length in lengths)


def _correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Returns the correlation of neighbours, 0 to 0.9; the deviations have the mean 0."""
    if len(pairs) < LEAST_PAIRS:
        return 0.0
    before, after = (np.asarray(side) for side in zip(*pairs, strict=True))
    spread = float(np.sqrt(np.mean(before**2) * np.mean(after**2)))
    return min(0.9, max(0.0, float(np.mean(before * after)) / spread)) if spread else 0.0


def _unevenness(plain: dict[int, float], following: Sequence[bool], correlation: float) -> float:
    """Returns by how much the sums of windows in a row scatter more than their correlation explains, 1 at least.

    The correlation of two hours does not tell that all evenings are slower than all mornings.
    """
    runs: list[list[float]] = []
    for number in sorted(plain):
        if runs and following[number] and number - 1 in plain:
            runs[-1].append(plain[number])
        else:
            runs.append([plain[number]])
    worst = 1.0
    for size in SPANS:
        of_runs = [np.convolve(run, np.ones(size), "valid") for run in runs if len(run) >= size]
        sums = np.concatenate([*of_runs, np.zeros(0 if of_runs else 1)])
        worst = max(worst, float(np.sqrt(np.mean(np.square(sums)) / _variance(size, correlation))))
    return worst


def _variance(size: int, correlation: float) -> float:
    """Returns the variance of the sum of ``size`` neighbours, each with variance 1 (autoregressive of first order)."""
    return size + 2 * sum((size - lag) * correlation**lag for lag in range(1, size))
