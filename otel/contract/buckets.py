"""The bounds of the histograms' buckets, by what they measure."""

from __future__ import annotations

SCALE = 4
"""The scale of native histograms: the upper bound of a bucket is 2 ** (1 / 2**SCALE) times that of the one below,
which is 4.4 % more, so no quantile is off by more than that."""

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0)
FINE_SECONDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 25.0, 50.0)
STAGE_SECONDS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    50.0,
)
AUDIO_SECONDS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
BATCH_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75)
UNDERRUN_SECONDS = (0.0, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PLAYED_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
REAL_TIME_FACTORS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0)
RATIOS = (0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
SCORES = (1.0, 1.5, 2.0, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 4.5, 5.0)
WORD_ERROR_RATES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0)
