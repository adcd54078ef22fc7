"""Another sample rate, by soxr, for audio that comes in pieces: neither its length nor its place in time changes."""

from __future__ import annotations

import numpy as np
import soxr

from server.utterance import Samples

QUALITY = "VHQ"
"""soxr's best; a second of speech takes it a third of a millisecond."""


class Resampler:
    """Takes audio piece by piece; where their borders are makes no difference."""

    def __init__(self, source: int, target: int) -> None:
        """Both in Hz."""
        self._stream = soxr.ResampleStream(source, target, 1, dtype="float32", quality=QUALITY)

    def feed(self, samples: Samples) -> Samples:
        """What is ready with these, shape (samples,); perhaps nothing."""
        return self._resampled(samples, last=False)

    def finish(self) -> Samples:
        """The rest; nothing can be fed any more."""
        return self._resampled(np.empty(0, np.float32), last=True)

    def _resampled(self, samples: Samples, *, last: bool) -> Samples:
        resampled: Samples = self._stream.resample_chunk(samples, last=last)
        return resampled
