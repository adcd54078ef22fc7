"""Compares a new build with the others: as they answer at the same time, or, after a full switch, as they did before.

The intervals are confidence sequences, so a build may be judged after every request. The levels of a service move from
hour to hour by themselves (levels.py); where another build answers in the same hour, that cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import numpy as np

from drift.columns.reader import Flags, Floats
from drift.sequential.confidence import Sample, of_difference, of_mean
from drift.sequential.levels import LevelModel
from drift.sequential.request_values import RequestValues
from otel.contract.drift_changes import BuildState, ChangeMeasure

ERROR = 0.01
"""The chance that a verdict is wrong, over all measures and at all times together."""
CONCURRENT = 16
"""Requests of other builds in an hour from which on they are what the build is compared with in that hour."""
ALIKE = 0.02
"""The standard deviation of the difference, in the logarithm, of two equal builds in the same hour."""
FEWEST = 30
"""The requests of the build that a verdict needs, and the checked clips below which word errors are not judged."""
TIME_SECONDS = 86_400.0
"""The seconds after which a build that is not decided stays so."""


class Margins(msgspec.Struct, frozen=True):
    """How much worse a build may be and still count as no worse."""

    latency: float = 1.15
    """A ratio."""
    failures: float = 0.03
    """A difference of shares."""
    word_error_rate: float = 0.03


class Measured(msgspec.Struct, frozen=True):
    """The verdict on one measure of a build."""

    measure: ChangeMeasure
    state: BuildState
    """Without UNDECIDED."""
    difference: float
    """Of latency the ratio to the other builds; of shares the difference."""
    low: float
    high: float
    """Its confidence sequence."""


class BuildVerdict(msgspec.Struct, frozen=True):
    """The verdict on a build."""

    build: str
    state: BuildState
    since: float
    """When the build was first seen, in seconds since 1970."""
    time: float
    requests: int
    measures: tuple[Measured, ...]

    @property
    def worse(self) -> tuple[Measured, ...]:
        """The measures in which the build is worse."""
        return tuple(each for each in self.measures if each.state is BuildState.WORSE)


class BuildSums(msgspec.Struct):
    """Number and sum of an hour's residuals or of a share's values, of the build and of the others."""

    count: int = 0
    total: float = 0.0
    others: int = 0
    of_others: float = 0.0
    scatter: float | None = None
    """Of a share: as in ``Sample``."""
    scatter_of_others: float | None = None

    @property
    def sample(self) -> Sample:
        """The values of a share that are the build's."""
        return Sample(self.count, self.total, self.scatter)

    @property
    def sample_of_others(self) -> Sample:
        """The values of a share that are those of the others."""
        return Sample(self.others, self.of_others, self.scatter_of_others)

    @classmethod
    def before(cls, others: Sample) -> BuildSums:
        """Returns the sums of a share before the first request of the build."""
        return cls(0, 0.0, others.count, others.total, None, others.scatter)

    def add(self, mine: Floats, others: Floats) -> None:
        """Adds values of a share, in order of time."""
        sample, rest = self.sample.with_values(mine), self.sample_of_others.with_values(others)
        self.count, self.total, self.scatter = sample.count, sample.total, sample.scatter
        self.others, self.of_others, self.scatter_of_others = rest.count, rest.total, rest.scatter


class BuildComparison(msgspec.Struct):
    """What is known of a new build."""

    build: str
    since: float
    level: float
    """The level of the service's latency before the build, and its variance."""
    variance: float
    failures: BuildSums
    word_errors: BuildSums
    """Those of the others begin with the requests of the expectation."""
    hours: dict[int, BuildSums] = {}
    requests: int = 0
    time: float = 0.0
    state: BuildState = BuildState.PENDING

    def feed(self, batch: RequestValues, residuals: Floats, usable: Flags) -> None:
        """Takes requests, of all builds."""
        now = usable & (batch.times >= self.since)
        mine = now & batch.of_build(self.build)
        others = now & ~batch.of_build(self.build)
        if now.any():
            self.time = max(self.time, float(batch.times[now].max()))
        self.requests += int(mine.sum())
        known = ~np.isnan(residuals)
        for flags, is_mine in ((mine & known, True), (others & known, False)):
            hours, places = np.unique(batch.times[flags] // 3600, return_inverse=True)
            for hour, count, total in zip(
                hours, np.bincount(places, minlength=len(hours)), _sums(places, residuals[flags]), strict=True
            ):
                sums = self.hours.setdefault(int(hour), BuildSums())
                if is_mine:
                    sums.count, sums.total = sums.count + int(count), sums.total + float(total)
                else:
                    sums.others, sums.of_others = sums.others + int(count), sums.of_others + float(total)
        checked = ~np.isnan(batch.word_error_rate)
        for shares, flags, values in (
            (self.failures, batch.attempted, batch.failed.astype(float)),
            (self.word_errors, checked, batch.word_error_rate),
        ):
            shares.add(values[mine & flags], values[others & flags])

    def verdict(self, model: LevelModel, margins: Margins, *, seconds: float = TIME_SECONDS) -> BuildVerdict:
        """Returns the verdict so far; after ``seconds`` what is not decided stays undecided."""
        measures = tuple(self._measures(model, margins))
        states = {each.state for each in measures}
        if BuildState.WORSE in states and self.requests >= FEWEST:
            state = BuildState.WORSE
        elif states == {BuildState.NO_WORSE} and self.requests >= FEWEST:
            state = BuildState.NO_WORSE
        else:
            state = BuildState.UNDECIDED if self.time - self.since >= seconds else BuildState.PENDING
        return BuildVerdict(self.build, state, self.since, self.time, self.requests, measures)

    def _measures(self, model: LevelModel, margins: Margins) -> Iterable[Measured]:
        error = ERROR / len(ChangeMeasure)
        estimate = self._latency(model)
        if estimate is not None:
            low, high = of_mean(*estimate, error)
            measured = _measured(ChangeMeasure.LATENCY, estimate[0], low, high, math.log(margins.latency))
            yield msgspec.structs.replace(
                measured, difference=math.exp(estimate[0]), low=math.exp(low), high=math.exp(min(high, 50.0))
            )
        yield _share(ChangeMeasure.FAILURES, self.failures, error, margins.failures)
        if self.word_errors.count >= FEWEST and self.word_errors.others:
            yield _share(ChangeMeasure.WORD_ERROR_RATE, self.word_errors, error, margins.word_error_rate)

    def _latency(self, model: LevelModel) -> tuple[float, float] | None:
        """Returns the difference of the logarithms and its variance, by generalised least squares over the hours."""
        hours = sorted(hour for hour, sums in self.hours.items() if sums.count)
        if not hours:
            return None
        beside = np.array([self.hours[hour].others >= CONCURRENT for hour in hours])
        passed = np.array(hours, dtype=np.float64) - int(self.since // 3600) + 1.0
        memory = max(model.memory, 1e-9)
        moved = model.variance * memory ** np.abs(passed[:, None] - passed[None, :])
        moved -= memory ** (passed[:, None] + passed[None, :]) * (model.variance - self.variance)
        covariance = np.where(beside[:, None] | beside[None, :], 0.0, moved)
        difference = np.empty(len(hours))
        for place, hour in enumerate(hours):
            sums = self.hours[hour]
            usual = sums.of_others / sums.others if beside[place] else self.level * memory ** passed[place]
            difference[place] = sums.total / sums.count - usual
            own = model.noise**2 / sums.count
            if beside[place]:
                own += model.noise**2 / sums.others + ALIKE**2
            covariance[place, place] += own
        weights = np.linalg.solve(covariance, np.ones(len(hours)))
        variance = 1.0 / float(weights.sum())
        return variance * float(weights @ difference), variance


def _share(measure: ChangeMeasure, sums: BuildSums, error: float, margin: float) -> Measured:
    sample, others = sums.sample, sums.sample_of_others
    return _measured(measure, sample.mean - others.mean, *of_difference(sample, others, error), margin)


def _measured(measure: ChangeMeasure, difference: float, low: float, high: float, margin: float) -> Measured:
    """Worse: it is surely not 0, and more likely beyond the margin than not. No worse: surely within the margin."""
    state = BuildState.PENDING
    if low > 0.0 and difference > margin:
        state = BuildState.WORSE
    elif high < margin:
        state = BuildState.NO_WORSE
    return Measured(measure, state, difference, low, high)


def _sums(places: np.ndarray, values: Floats) -> Floats:
    return np.asarray(np.bincount(places, values), dtype=np.float64) if len(places) else np.empty(0)
