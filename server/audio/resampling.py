"""Resamples audio piece by piece with soxr, without changing its length or shifting it in time."""

from __future__ import annotations

import numpy as np
import soxr

from server.utterance import Samples

QUALITY = "VHQ"
"""soxr's best quality; a second of speech takes a third of a millisecond."""


def resampled_length(samples: int, source: int, target: int) -> int:
    """Returns how many samples a Resampler makes of ``samples`` in all; both rates are in Hz."""
    return (2 * samples * target + source) // (2 * source)


class Resampler:
    """Resamples audio piece by piece; where it is cut makes no difference."""

    def __init__(self, source: int, target: int) -> None:
        """Both rates are in Hz."""
        self._stream = soxr.ResampleStream(source, target, 1, dtype="float32", quality=QUALITY)

    def feed(self, samples: Samples) -> Samples:
        """Returns the samples that are ready, shape (samples,), perhaps none."""
        return self._resampled(samples, last=False)

    def finish(self) -> Samples:
        """Returns the remaining samples. Nothing can be fed afterwards."""
        return self._resampled(np.empty(0, np.float32), last=True)

    def _resampled(self, samples: Samples, *, last: bool) -> Samples:
        resampled: Samples = self._stream.resample_chunk(samples, last=last)
        return resampled
