"""How large a distance must be to be rare enough, judged by the distances of the service's own windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

SURER = 1.15
"""The factor on the deviations of a single window, for the windows in a row: 4.6 instead of 4.

21 columns in 20 weeks of hours are 70,560 chances to be wrong. A normal number is beyond 4.6 deviations, to either
side, in 0.3 of so many, and beyond 4 in 4.5 of them.
"""
DEGREES = np.linspace(0.8, 30.0, 600)
"""The degrees of freedom of the chi distribution among which a column's distances are looked up."""
MOST_SAFETY = 1.5
LEAST_PAIRS = 10


def sure(scores: Sequence[float], following: Sequence[bool], consecutive: int, deviations: float) -> float:
    """Returns the average distance that windows in a row reach only if they have drifted.

    ``scores`` are the distances of windows in order of time; ``following`` says which of them came right after the one
    before. The average of two windows scatters less than one, by as much as they do not resemble each other: of rows of
    numbers that correlate by rho it has (1 + rho) / 2 of the variance.
    """
    wanted = SURER * deviations
    r = correlation(scores, following)
    mean, deviation = float(np.mean(scores)), float(np.std(scores, ddof=1))
    of_one = mean + wanted * shape(scores, wanted) * safety(len(scores), r, wanted) * deviation
    if consecutive == 1:
        return of_one
    # Of lengths of vectors r is about the square of the vectors' own correlation; a standard error is added to it.
    rho = float(np.sqrt(min(1.0, r + 1 / np.sqrt(len(scores)))))
    return of_one * float(np.sqrt((1 + rho) / 2))


def correlation(scores: Sequence[float], following: Sequence[bool]) -> float:
    """Returns the correlation of windows with the one before, 0 to 0.9; 0 where too few follow each other."""
    pairs = [(a, b) for a, b, follows in zip(scores, scores[1:], following[1:], strict=False) if follows]
    spread = float(np.var(scores))
    if len(pairs) < LEAST_PAIRS or not spread:
        return 0.0
    before, after = (np.asarray(side) - float(np.mean(scores)) for side in zip(*pairs, strict=True))
    return min(0.9, max(0.0, float(np.mean(before * after)) / spread))


def shape(scores: Sequence[float], deviations: float) -> float:
    """Returns the factor on the deviations for distances not being normal numbers: none is below 0, some are far above.

    They are lengths of vectors, with as many directions as hours differ in: the chi distribution, whose number of
    degrees the ratio of mean and deviation tells. Of its quantile, as rare as ``deviations`` are to either side of a
    normal distribution, this is the part: at 4 deviations 1.33 for one direction, 1.07 for eight.
    """
    mean, deviation = float(np.mean(scores)), float(np.std(scores, ddof=1))
    if deviation < 1e-9:  # all the same, but for rounding
        return 1.0
    means, spreads = stats.chi.mean(DEGREES), stats.chi.std(DEGREES)
    degrees = float(np.interp(mean / deviation, means / spreads, DEGREES))
    quantile = float(stats.chi.isf(2 * stats.norm.sf(deviations), degrees))
    return max(1.0, float((quantile - stats.chi.mean(degrees)) / stats.chi.std(degrees) / deviations))


def safety(count: int, correlation: float, deviations: float) -> float:
    """Returns the factor on the deviations for not knowing the true mean and deviation of ``count`` windows.

    Hours resemble their neighbours, so that a week says less than 168 independent hours would: the effective number is
    n (1 - r) / (1 + r), with r the correlation of neighbours (Bartlett 1935). With it the quantile of Student's
    distribution takes the place of the normal one; at most half as much again.
    """
    effective = max(3.0, count * (1 - correlation) / (1 + correlation))
    quantile = float(stats.t.isf(stats.norm.sf(deviations), effective - 1)) * float(np.sqrt(1 + 1 / effective))
    return min(MOST_SAFETY, quantile / deviations)
