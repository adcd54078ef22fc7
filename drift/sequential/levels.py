"""Detects that the level of a number has risen: of the logarithm of latency at equal length.

The level of a service moves by itself, about once an hour. The model: residual = level + noise. From hour to hour the
level keeps the part ``memory`` of its distance from 0, and gets an ordinary step of variance J. A Kalman filter follows
the level. Every BLOCK requests a start is noted, with the level m expected there and its variance P. With x the mean of
n residuals since then, less m, and N(x; a, v) the normal density, two hypotheses of the start are compared:

    usual:    (1 - p) N(x; 0, P + noise^2/n) + p N(x; 0, P + J + noise^2/n), p the chance of an ordinary step
    changed:  the mean of N(x; d, P + D^2 + noise^2/n) over a grid of rises d and their scatter D

Residuals of either hypothesis differ from each other by noise alone, so x says all that they say, and the ratio of both
densities is the likelihood ratio of all residuals: a martingale of mean 1 while the level is usual. p and J grow with
the time since the start, so that a level that wanders for hours stays usual; that makes the ratio smaller. The weighted
sum over all starts is a Shiryaev-Roberts e-detector (shares.py names the paper, budget.py the weights).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from drift.sequential.change import Change

BLOCK = 16
"""The number of requests between two starts; their mean is what the filter and the starts take."""
RISES = ((math.log(1.45), 0.03, 0.8), (math.log(2.0), 0.25, 0.15), (math.log(4.0), 0.5, 0.05))
"""The grid of changes: a rise of the level, its scatter, and its weight. The weights sum to 1, so evidence is a
likelihood ratio whatever they are; most is on what is hardest to tell from an ordinary step."""
STARTS = 32
"""The number of starts that are kept, the last ones; to drop evidence makes false alarms rarer."""
NO_RISE = 0.1
"""The least rise for which a start's evidence is counted; below it is far less than 1."""
RECENT_BLOCKS = 4
"""The number of blocks whose mean must be usual again before a change has ended."""
CLIPPED = 4.0
"""Standard deviations of the noise at which a residual is clipped, so that no single request counts for many."""


class LevelModel(msgspec.Struct, frozen=True):
    """What is usual for a series, in natural logarithms."""

    noise: float
    """The standard deviation of a single residual around the level of its hour."""
    step: float
    """The variance of what an hour's level has of its own, beside what it keeps of the level before."""
    memory: float
    """What a level keeps of the level of the hour before, 0 to below 1."""

    @property
    def variance(self) -> float:
        """The variance of the levels of hours."""
        return self.step / (1.0 - self.memory**2)

    def steps(self, hours: float) -> float:
        """Returns the variance of the ordinary steps of ``hours``, and of one at least."""
        return float(self.variance * (1.0 - self.memory ** (2.0 * max(1.0, hours))))


class Start(msgspec.Struct):
    """A moment at which a change may have happened."""

    time: float
    level: float
    variance: float
    pause: float
    """The hours since the start before, in which an ordinary step may have come too."""
    weight: float
    count: int = 0
    total: float = 0.0

    def evidence(self, time: float, model: LevelModel) -> float:
        """Returns the likelihood ratio of a change, at ``time``."""
        rise = self.total / self.count - self.level
        if rise < NO_RISE:
            return 0.0
        hours = max(1e-3, self.pause + (time - self.time) / 3600.0)
        chance = 1.0 - math.exp(-hours)
        error = self.variance + model.noise**2 / self.count
        usual = chance * _density(rise, error + model.steps(hours)) + (1.0 - chance) * _density(rise, error)
        changed = sum(weight * _density(rise - mean, error + scatter**2) for mean, scatter, weight in RISES)
        return changed / max(usual, 1e-300)


class LevelDetector(msgspec.Struct):
    """The state of one series."""

    level: float = 0.0
    variance: float = -1.0
    """Of the level; negative before the first block."""
    time: float = 0.0
    """When the level was last updated."""
    block: list[float] = []
    """The residuals of the unfinished block."""
    weight: float = 0.0
    """The weight for the next start."""
    starts: list[Start] = []
    open: Change | None = None
    """The change that was found and has not ended."""
    recent: list[float] = []
    """The means of the last blocks of an open change."""

    def feed(
        self, times: Sequence[float], residuals: Sequence[float], weights: Sequence[float], model: LevelModel
    ) -> list[Change]:
        """Takes residuals in order of time, and returns the changes that began or ended with them."""
        news: list[Change] = []
        if self.variance < 0:
            self.variance = model.variance
        limit = CLIPPED * model.noise
        for time, residual, weight in zip(times, residuals, weights, strict=True):
            self.weight += weight
            if not self.block and self.open is None:
                self._start(time, model)
            # clipped around the level that was expected, since a change moves all of them
            self.block.append(min(max(residual, self.level - limit), self.level + limit))
            if len(self.block) == BLOCK:
                change = self._finish(time, model)
                if change is not None:
                    news.append(change)
        return news

    def _start(self, time: float, model: LevelModel) -> None:
        hours = (time - self.starts[-1].time) / 3600.0 if self.starts else 1.0
        self._pass(time, model)
        self.starts.append(Start(time, self.level, self.variance, hours, self.weight))
        self.starts = self.starts[-STARTS:]
        self.weight = 0.0

    def _pass(self, time: float, model: LevelModel) -> None:
        """Lets the level move until ``time``."""
        hours = min(1e4, max(0.0, (time - self.time) / 3600.0)) if self.time else 0.0
        kept = max(model.memory, 1e-9) ** hours
        self.level *= kept
        self.variance = kept**2 * self.variance + model.variance * (1.0 - kept**2)
        self.time = max(time, self.time)

    def _finish(self, time: float, model: LevelModel) -> Change | None:
        """Takes the finished block, and returns a change that began or ended with it."""
        count, total = len(self.block), sum(self.block)
        self.block = []
        mean = total / count
        self._pass(time, model)
        error = model.noise**2 / count
        gain = self.variance / (self.variance + error)
        if self.open is not None:
            self.level += gain * (mean - self.level)
            self.variance *= 1.0 - gain
            return self._end(time, mean)
        mass = 0.0
        for start in self.starts:
            start.count += count
            start.total += total
            mass += start.weight * start.evidence(time, model)
        self.level += gain * (mean - self.level)
        self.variance *= 1.0 - gain
        if mass < 1.0:
            return None
        self.open = self._begin(time, model)
        return self.open

    def _begin(self, time: float, model: LevelModel) -> Change:
        likeliest = max(self.starts, key=lambda start: start.evidence(time, model))
        after = likeliest.total / likeliest.count
        spread = 1.96 * math.sqrt(likeliest.variance + model.noise**2 / likeliest.count)
        self.starts, self.recent = [], []
        return Change(
            since=likeliest.time,
            found=time,
            before=likeliest.level,
            after=after,
            low=after - spread,
            high=after + spread,
            requests=likeliest.count,
        )

    def _end(self, time: float, mean: float) -> Change | None:
        change = self.open
        assert change is not None  # noqa: S101 - for the type checker
        self.recent = [*self.recent[-(RECENT_BLOCKS - 1) :], mean]
        middle = (change.before + change.after) / 2.0
        usual_again = len(self.recent) == RECENT_BLOCKS and sum(self.recent) < middle * RECENT_BLOCKS
        if not usual_again and not change.is_lasting(time):
            return None
        self.open, self.recent, self.weight = None, [], 0.0
        return msgspec.structs.replace(change, ended=time)


def _density(distance: float, variance: float) -> float:
    return math.exp(-distance * distance / (2.0 * variance)) / math.sqrt(2.0 * math.pi * variance)
