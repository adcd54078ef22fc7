"""What is usual for each series: latency by length, how far it moves by itself, and the shares of failures.

It is fitted to the rows of the last week, without those of a change that was open, and anew each day.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
import numpy as np
from scipy.stats import chi2

from drift.columns.reader import Flags, Floats
from drift.reference.lengths import Curve, Lengths, groups_of
from drift.sequential.confidence import Sample
from drift.sequential.levels import BLOCK, LevelModel
from drift.sequential.request_values import LATENCY, NATURAL, RequestValues, distinct
from drift.sequential.shares import largest_usual
from otel.contract.drift_changes import ChangeMeasure, Dimension

MOST_ROWS = 50_000
"""The rows that an expectation is fitted to; of more, a sample."""
DAYS = 7
"""The days whose requests an expectation is fitted to."""
LEAST_HOURS = 24
"""The hours with at least LEAST_IN_HOUR requests that an expectation, or a model of a voice's own, needs."""
LEAST_IN_HOUR = 16
LEAST_OF_SHARE = 200
"""The values that a share of its own needs; a series with fewer has the service's."""
LEAST_NOISE, LEAST_STEP = 0.05, 0.03
"""A service that was steadier than this in its week may not stay so."""
ROUGH_STEP = 0.15
"""The standard deviation of an hour's level that is assumed before a service's own is known."""
CAUTION = 0.25
"""The chance that the steps between hours, estimated from so few, are larger than is assumed."""
MOST_MEMORY = 0.9
LEAST_BOUND = {ChangeMeasure.FAILURES: 0.01, ChangeMeasure.WORD_ERROR_RATE: 0.05}
"""Shares up to which no share is a change."""

Key = str
"""Names a series: measure, dimension and value, such as "latency voice amy"."""


def key_of(measure: ChangeMeasure, dimension: Dimension, value: str = "") -> Key:
    """Returns the key of a series."""
    return f"{measure} {dimension} {value}"


class Expectation(msgspec.Struct, frozen=True):
    """What is usual."""

    made: float
    """When it was fitted, in seconds since 1970."""
    hours: int
    requests: int
    curves: dict[str, Curve]
    """The usual decimal logarithm of the latency, as drift.reference.lengths has it."""
    offsets: dict[str, float]
    levels: dict[Key, LevelModel]
    shares: dict[Key, float]
    sums: dict[ChangeMeasure, tuple[int, float]]
    """Number and sum of the values of each share, over the whole service."""
    builds: tuple[str, ...]
    """The builds whose requests it was fitted to."""
    scatters: dict[ChangeMeasure, float] = {}
    """The scatter of the same values, as in ``Sample``."""

    def residuals(self, batch: RequestValues) -> Floats:
        """Returns the latency less the usual one at equal length, in natural logarithms; NaN where there is none."""
        lengths = Lengths({LATENCY.name: self.curves}, {LATENCY.name: self.offsets})
        usual = lengths.usual(LATENCY, batch.frame, groups_of(batch.frame))
        return np.asarray(batch.latency - usual * NATURAL, dtype=np.float64)

    def level(self, key: Key) -> LevelModel:
        """Returns the model of a series of latency; the service's for one that has none of its own."""
        return self.levels.get(key) or self.levels[key_of(ChangeMeasure.LATENCY, Dimension.SERVICE)]

    def sample(self, measure: ChangeMeasure) -> Sample:
        """Returns the values of a share over the whole service."""
        return Sample(*self.sums.get(measure, (0, 0.0)), self.scatters.get(measure))

    def share(self, measure: ChangeMeasure, key: Key) -> tuple[float, float]:
        """Returns the usual share of a series, and the largest one that is no change."""
        usual = self.shares.get(key)
        if usual is None:
            usual = self.shares.get(key_of(measure, Dimension.SERVICE), 0.0)
        return usual, largest_usual(usual, LEAST_BOUND[measure])


def fit(batch: RequestValues, now: float) -> Expectation | None:
    """Returns the expectation of the batch; None if there are too few hours of them."""
    curves = Lengths.fit(batch.frame)
    samples = {
        ChangeMeasure.FAILURES: Sample().with_values(batch.failed[batch.attempted].astype(float)),
        ChangeMeasure.WORD_ERROR_RATE: Sample().with_values(batch.word_error_rate[~np.isnan(batch.word_error_rate)]),
    }
    expectation = Expectation(
        made=now,
        hours=0,
        requests=len(batch),
        curves=curves.curves[LATENCY.name],
        offsets=curves.offsets[LATENCY.name],
        levels={},
        shares=dict(_shares(batch)),
        sums={measure: (sample.count, sample.total) for measure, sample in samples.items()},
        builds=tuple(distinct(batch.build)),
        scatters={measure: sample.scatter for measure, sample in samples.items() if sample.scatter is not None},
    )
    residuals = expectation.residuals(batch)
    service = _model(batch.times, residuals)
    if service is None:
        return None
    levels = {key_of(ChangeMeasure.LATENCY, Dimension.SERVICE): service}
    for voice in distinct(batch.voice):
        mine = batch.voice == voice
        model = _model(batch.times[mine], residuals[mine])
        if model is not None:
            levels[key_of(ChangeMeasure.LATENCY, Dimension.VOICE, voice)] = model
    hours = len(np.unique(batch.times[~np.isnan(residuals)] // 3600))
    return msgspec.structs.replace(expectation, levels=levels, hours=hours)


def rough(batch: RequestValues, now: float) -> Expectation | None:
    """Returns an expectation of too few hours for ``fit``, with cautious movements; None of too few requests."""
    curves = Lengths.fit(batch.frame)
    expectation = Expectation(
        made=now,
        hours=0,
        requests=len(batch),
        curves=curves.curves[LATENCY.name],
        offsets=curves.offsets[LATENCY.name],
        levels={},
        shares=dict(_shares(batch)),
        sums={},
        builds=tuple(distinct(batch.build)),
    )
    residuals = expectation.residuals(batch)
    known = residuals[~np.isnan(residuals)]
    if len(known) < LEAST_OF_SHARE:
        return None
    noise = max(LEAST_NOISE, float(np.quantile(known, 0.84) - np.quantile(known, 0.16)) / 2.0)
    noise = max(noise, float(np.clip(known, -4.0 * noise, 4.0 * noise).std()))
    model = LevelModel(noise=noise, step=ROUGH_STEP**2, memory=0.0)
    return msgspec.structs.replace(expectation, levels={key_of(ChangeMeasure.LATENCY, Dimension.SERVICE): model})


def _model(times: Floats, residuals: Floats) -> LevelModel | None:
    """Returns how the residuals scatter and their levels move; None if there are too few hours."""
    known = ~np.isnan(residuals)
    times, residuals = times[known], residuals[known]
    hours = times // 3600
    numbers, places, counts = np.unique(hours, return_inverse=True, return_counts=True)
    enough = counts >= LEAST_IN_HOUR
    if int(enough.sum()) < LEAST_HOURS:
        return None
    middles = np.array([np.median(residuals[places == place]) for place in range(len(numbers))])
    rest = (residuals - middles[places])[enough[places]]
    noise = max(LEAST_NOISE, float(np.quantile(rest, 0.84) - np.quantile(rest, 0.16)) / 2.0)
    rest = np.clip(rest, -4.0 * noise, 4.0 * noise)
    # requests that follow each other may be slow together: what counts is how far the means of blocks scatter
    blocks = rest[: len(rest) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
    noise = max(noise, float(rest.std()), float(blocks.std()) * math.sqrt(BLOCK))
    clipped = np.clip(residuals, middles[places] - 4.0 * noise, middles[places] + 4.0 * noise)
    levels = np.bincount(places, clipped)[enough] / counts[enough]
    error = noise**2 / counts[enough]
    follows = np.diff(numbers[enough]) == 1
    before, after = levels[:-1][follows], levels[1:][follows]
    if len(before) < LEAST_HOURS // 2:
        before, after = np.zeros_like(levels), levels
    memory = float((before * after).mean()) / max(LEAST_STEP**2, float((before**2 - error.mean()).mean()))
    memory = min(MOST_MEMORY, max(0.0, memory))
    step = float(((after - memory * before) ** 2).mean() - (1.0 + memory**2) * error.mean())
    caution = float(len(after) / chi2.ppf(CAUTION, len(after)))
    return LevelModel(noise=noise, step=max(LEAST_STEP**2, step * caution), memory=memory)


def _shares(batch: RequestValues) -> Iterator[tuple[Key, float]]:
    """Yields the usual shares, each the mean and two standard errors."""
    attempted, failed = batch.attempted, batch.failed.astype(float)
    yield from _of_series(ChangeMeasure.FAILURES, batch, attempted, failed)
    for provider in distinct(np.concatenate([batch.provider, batch.failed_provider])):
        spoke = attempted & (batch.provider == provider)
        refused = attempted & (batch.failed_provider == provider)
        share = _usual(np.concatenate([np.zeros(int(spoke.sum())), np.ones(int(refused.sum()))]))
        if share is not None:
            yield key_of(ChangeMeasure.FAILURES, Dimension.PROVIDER, provider), share
    checked = ~np.isnan(batch.word_error_rate)
    yield from _of_series(ChangeMeasure.WORD_ERROR_RATE, batch, checked, batch.word_error_rate)


def _of_series(
    measure: ChangeMeasure, batch: RequestValues, mask: Flags, values: Floats
) -> Iterator[tuple[Key, float]]:
    share = _usual(values[mask])
    if share is not None:
        yield key_of(measure, Dimension.SERVICE), share
    for voice in distinct(batch.voice):
        share = _usual(values[mask & (batch.voice == voice)])
        if share is not None:
            yield key_of(measure, Dimension.VOICE, voice), share


def _usual(values: Floats) -> float | None:
    if len(values) < LEAST_OF_SHARE:
        return None
    return min(1.0, float(values.mean()) + 2.0 * math.sqrt(max(float(values.var()), 1e-6) / len(values)))
