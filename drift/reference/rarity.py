"""Computes how large a distance must be to be rare enough, given the distances of the service's own windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

SURER = 1.15
"""The factor on the deviations of a single window, for consecutive windows: 4.6 instead of 4.

21 columns in 20 weeks of hours are 70,560 chances of a false alarm. Of that many normal numbers, 0.3 are beyond 4.6
deviations on either side, and 4.5 are beyond 4.
"""
DEGREES = np.linspace(0.8, 30.0, 600)
"""The degrees of freedom of the chi distributions that a column's distances are matched to."""
MOST_SAFETY = 1.5
LEAST_PAIRS = 10


def sure(scores: Sequence[float], following: Sequence[bool], consecutive: int, deviations: float) -> float:
    """Returns the average distance that consecutive windows reach only if they have drifted.

    ``scores`` are the distances of windows in order of time; ``following`` marks those that directly follow the one
    before. The average of two windows scatters less than a single one, the less they are correlated: with correlation
    rho it has (1 + rho) / 2 of the variance.
    """
    wanted = SURER * deviations
    r = correlation(scores, following)
    mean, deviation = float(np.mean(scores)), float(np.std(scores, ddof=1))
    of_one = mean + wanted * shape(scores, wanted) * safety(len(scores), r, wanted) * deviation
    if consecutive == 1:
        return of_one
    # For lengths of vectors, r is about the square of the vectors' own correlation; a standard error is added to it.
    rho = float(np.sqrt(min(1.0, r + 1 / np.sqrt(len(scores)))))
    return of_one * float(np.sqrt((1 + rho) / 2))


def correlation(scores: Sequence[float], following: Sequence[bool]) -> float:
    """Returns the correlation of windows with their predecessors, 0 to 0.9; 0 if too few follow each other."""
    pairs = [(a, b) for a, b, follows in zip(scores, scores[1:], following[1:], strict=False) if follows]
    spread = float(np.var(scores))
    if len(pairs) < LEAST_PAIRS or not spread:
        return 0.0
    before, after = (np.asarray(side) - float(np.mean(scores)) for side in zip(*pairs, strict=True))
    return min(0.9, max(0.0, float(np.mean(before * after)) / spread))


def shape(scores: Sequence[float], deviations: float) -> float:
    """Returns the factor on the deviations because distances are not normal: none is below 0, some are far above.

    They are lengths of vectors with as many directions as hours differ in, and follow the chi distribution, whose
    degrees of freedom follow from the ratio of mean and deviation. Its quantile that is as rare as ``deviations`` on
    either side of a normal distribution is further from the mean by this factor: at 4 deviations 1.33 for one
    direction, 1.07 for eight.
    """
    mean, deviation = float(np.mean(scores)), float(np.std(scores, ddof=1))
    if deviation < 1e-9:  # all equal except for rounding
        return 1.0
    means, spreads = stats.chi.mean(DEGREES), stats.chi.std(DEGREES)
    degrees = float(np.interp(mean / deviation, means / spreads, DEGREES))
    quantile = float(stats.chi.isf(2 * stats.norm.sf(deviations), degrees))
    return max(1.0, float((quantile - stats.chi.mean(degrees)) / stats.chi.std(degrees) / deviations))


def safety(count: int, correlation: float, deviations: float) -> float:
    """Returns the factor on the deviations because the mean and deviation of ``count`` windows are only estimates.

    Hours resemble their neighbours, so a week has less information than 168 independent hours: the effective number is
    n (1 - r) / (1 + r), with r the correlation of neighbours (Bartlett 1935). The quantile of Student's distribution
    for that number replaces the normal one; the factor is at most 1.5.
    """
    effective = max(3.0, count * (1 - correlation) / (1 + correlation))
    quantile = float(stats.t.isf(stats.norm.sf(deviations), effective - 1)) * float(np.sqrt(1 + 1 / effective))
    return min(MOST_SAFETY, quantile / deviations)
