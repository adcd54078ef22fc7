"""A recording as a client receives it: checks its format, its loudness, and its length for its text."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

UNKNOWN_SIZE = 0xFFFFFFFF
"""The size in a stream's header, written before its length is known."""
MIN_LOUDNESS = 0.005
"""The root mean square, of full scale 1, below which audio is silent; speech has 0.05 to 0.2."""
MAX_PACE, MIN_PACE = 30.0, 4.0
"""The limits of characters per second at speed 1. People speak 12 to 20; half of a speech would look twice as fast."""
SILENCE = 0.1
"""A run of zeros for at least this many seconds was inserted by the server: a model's own pauses have noise."""
PADDING = 2.0
"""The seconds of silence that a short text may have around it."""


class WavError(ValueError):
    """The bytes are not a 16 bit mono WAV file; the message says why."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The properties of a recording."""

    sample_rate: int
    """The sample rate in Hz."""
    seconds: float
    sounding_seconds: float
    """The seconds without inserted silence."""
    loudness: float
    """The root mean square of the samples; full scale is 1."""

    def fault(self, characters: int, speed: float) -> str | None:
        """Returns what is wrong with it as the speech of ``characters`` characters, or None."""
        min_seconds = characters / MAX_PACE / speed
        max_seconds = characters / MIN_PACE / speed + PADDING
        if self.loudness < MIN_LOUDNESS:
            return f"the audio is silent: its root mean square is {self.loudness:.4f}"
        if not min_seconds <= self.seconds <= max_seconds:
            return (
                f"the audio's length does not suit its text: {self.seconds:.1f} s for {characters} characters, "
                f"not {min_seconds:.1f} to {max_seconds:.1f} s"
            )
        return None


def read_wav(data: bytes) -> Recording:
    """Reads a 16 bit mono WAV file, also one whose header leaves the length open. Raises WavError."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("it does not begin with RIFF and WAVE")
    sample_rate, position = 0, 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        position += 8
        if name == b"fmt ":
            sample_rate = read_format(data[position : position + size])
        if name == b"data":
            return read_samples(data, position, size, sample_rate)
        position += size + size % 2
    raise WavError("it has no data")


def read_format(block: bytes) -> int:
    """Returns the sample rate of a format block. Raises WavError when it is not 16 bit mono PCM."""
    if len(block) < 16:
        raise WavError("its format block is cut off")
    coding, channels, sample_rate, _, _, bits = struct.unpack_from("<HHIIHH", block)
    if (coding, channels, bits) != (1, 1, 16) or not sample_rate:
        raise WavError(f"it has coding {coding}, {channels} channels and {bits} bits, not 1, 1 and 16")
    return int(sample_rate)


def read_samples(data: bytes, start: int, size: int, sample_rate: int) -> Recording:
    """Returns the properties of the samples from ``start`` to the end. Raises WavError."""
    if not sample_rate:
        raise WavError("its data comes before its format")
    present = len(data) - start
    if size not in (UNKNOWN_SIZE, present):
        raise WavError(f"its header promises {size} bytes of audio and there are {present}")
    if not present or present % 2:
        raise WavError(f"{present} bytes are not a number of 16 bit samples")
    samples = np.frombuffer(data, dtype="<i2", offset=start).astype(np.float32) / 32768
    sounding = len(samples) - count_silence(samples, round(SILENCE * sample_rate))
    loudness = float(np.sqrt(np.mean(samples**2)))
    return Recording(sample_rate, len(samples) / sample_rate, sounding / sample_rate, loudness)


def count_silence(samples: npt.NDArray[np.floating[Any]], min_length: int) -> int:
    """Returns how many samples, shape (samples,), lie in runs of at least ``min_length`` zeros."""
    ends = np.flatnonzero(np.pad(samples, 1, constant_values=1))
    runs = np.diff(ends) - 1
    return int(runs[runs >= min_length].sum())
