"""Judges every clip while it is generated: whether it contains speech, and whether it is clean and complete."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from otel.contract.values import CLIPPED_SHARE, Fault
from server.audio import length_bounds
from server.audio.length_bounds import Bounds
from server.utterance import Samples, Utterance

Numbers = npt.NDArray[np.float64]

FRAME_SECONDS = 0.02
AT_ONCE = 0.5
"""Seconds of audio that are measured at once: a call of numpy costs as much as measuring 50 ms of audio."""
QUIET = 1e-6
"""Mean square, -60 dBFS: a frame below it is silence in any clip. The default voice pauses at -90 to -100 dBFS."""
SOFT = 10**-3.5
"""A frame 35 dB below the clip's loud frames is a pause, even if it contains hiss."""
LOUD_SHARE = 0.05
"""The share of frames that are louder than the reference frame, so that single clicks don't count."""
ZERO = 1e-6
"""Samples below it count as zeros: 1/30 of the least significant of 16 bits, and below the noise of a neural
decoder."""
FULL_SCALE = 0.999
CUT_LEVEL = 10**-1.6
"""Speech that ends within 16 dB of its loudness was cut off: 99 % of clips fade by 37 dB or more, all by 20."""
LOST = 0.9
"""The share of the lower bound below which about half of the speech is missing, for a voice of ordinary pace; complete
speech takes at least 1.29 times as much. Between this share and the bound a voice may just be quick: the clip has a
fault, but is usable."""
LITTLE = 0.5
"""The same share when the provider gave an expected length, which is right unless it has lost most of the text."""
SHORT, SHORT_SLACK = 0.68, 0.3
"""The minimum duration: this share of what the provider expects, less 0.3 s. Good clips take 0.8 to 1.4 times the
expected length, very short or unusual ones 0.6. Of repetitions in the text, only one instance counts."""
LONG, LONG_SLACK = 1.6, 0.8
"""The maximum duration, likewise, plus 0.8 s."""
STRAYED = 3.0
"""The multiple of the upper bound, pauses included, beyond which the model has gone astray."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The measurements of a clip, its faults, and whether it is usable."""

    seconds: float
    loudness: float | None
    """dBFS: the root mean square of the frames that are not quiet; None when all are."""
    silence_share: float
    """The share of time in quiet frames, 0 to 1; 1 for an empty clip."""
    clipping_share: float
    """The share of samples at full scale, 0 to 1."""
    dc_offset: float
    """The samples' mean, -1 to 1; 0 where they are not numbers."""
    seconds_per_character: float
    """The seconds of sound per character, at speed 1."""
    faults: tuple[Fault, ...]
    usable: bool
    """False for audio that must not be sent to a client: silence, and speech of which about half is missing."""


class Inspector:
    """Measures a clip chunk by chunk; where it is cut makes no difference."""

    def __init__(self, utterance: Utterance) -> None:
        self._utterance = utterance
        self._sample_rate = 0
        self._frame = 0
        """The number of samples in a frame."""
        self._count = 0
        self._full = 0
        self._has_sound = False
        self._broken = False
        self._rest: Samples = np.empty(0, np.float32)
        """The samples that do not fill a frame yet."""
        self._tail: Samples = self._rest
        """The last samples of the clip, as many as a frame has."""
        self._expected: float | None = None
        self._spoken_text = ""
        self._waiting: list[Samples] = []
        self._waiting_count = 0
        self._sums: list[Numbers] = []
        self._squares: list[Numbers] = []

    def add(self, samples: Samples, sample_rate: int) -> None:
        """Adds the next chunk, shape (samples,), at ``sample_rate`` Hz; it may not be changed afterwards.

        Raises ValueError when the rate changes.
        """
        if not self._sample_rate:
            self._sample_rate, self._frame = sample_rate, max(1, round(FRAME_SECONDS * sample_rate))
        elif sample_rate != self._sample_rate:
            raise ValueError(f"a clip of {self._sample_rate} Hz goes on with {sample_rate} Hz")
        self._count += len(samples)
        self._waiting.append(samples)
        self._waiting_count += len(samples)
        if self._waiting_count >= AT_ONCE * sample_rate:
            self._take()

    def expect(self, seconds: float, spoken_text: str = "") -> None:
        """Sets the duration of the whole clip that the provider expects, in seconds, and the text as it is spoken."""
        self._expected, self._spoken_text = seconds, spoken_text

    @property
    def silent_so_far(self) -> bool:
        """Whether all samples so far are zeros, or not numbers, which no listener would miss."""
        self._take()
        return self._broken or not self._has_sound

    def verdict(self) -> Quality:
        """Judges the whole clip. Takes 0.2 ms, plus 0.1 ms per 100 characters."""
        self._take()
        utterance = self._utterance
        seconds = self._count / self._sample_rate if self._count else 0.0
        power, duration, mean = self._frames()
        sounding = power > _threshold(power)
        spoken = float(duration[sounding].sum())
        energy = float((power * duration)[sounding].sum()) / spoken if spoken else None
        faults = []
        slow, fast = utterance.speeds
        text = self._spoken_text or utterance.text
        allowed = Bounds(
            length_bounds.bounds(text, utterance.language, fast).minimum,
            length_bounds.bounds(text, utterance.language, slow).maximum,
        )
        clipping = self._full / self._count if self._count else 0.0
        if energy is None:
            faults.append(Fault.SILENT)
        if clipping > CLIPPED_SHARE:
            faults.append(Fault.CLIPPED)
        reckoned = Bounds(0.0, math.inf)
        if self._expected is not None:
            share = len(length_bounds.once(text)) / max(1, len(text))
            reckoned = Bounds(SHORT * share * self._expected - SHORT_SLACK, LONG * self._expected + LONG_SLACK)
        if energy is not None and (spoken < allowed.minimum or seconds < reckoned.minimum or self._breaks_off(energy)):
            faults.append(Fault.TRUNCATED)
        if spoken > allowed.maximum or seconds > min(reckoned.maximum, STRAYED * allowed.maximum + utterance.pauses):
            faults.append(Fault.TOO_LONG)
        minimum = (LOST if self._expected is None else LITTLE) * allowed.minimum
        return Quality(
            seconds=seconds,
            loudness=None if energy is None else 10 * math.log10(energy),
            silence_share=1.0 - spoken / float(duration.sum()) if len(duration) else 1.0,
            clipping_share=clipping,
            dc_offset=mean,
            seconds_per_character=(seconds - utterance.pauses) * utterance.speed / max(1, utterance.characters),
            faults=tuple(faults),
            usable=energy is not None and spoken >= minimum and seconds >= reckoned.minimum,
        )

    def _take(self) -> None:
        """Measures the samples collected so far."""
        if not self._waiting_count:
            return
        samples = np.concatenate(self._waiting) if len(self._waiting) > 1 else self._waiting[0]
        self._waiting, self._waiting_count = [], 0
        low, high = float(samples.min()), float(samples.max())
        self._broken = self._broken or not (math.isfinite(low) and math.isfinite(high))
        self._has_sound = self._has_sound or high > ZERO or low < -ZERO
        if high >= FULL_SCALE or low <= -FULL_SCALE:
            self._full += int(np.count_nonzero(np.abs(samples) >= FULL_SCALE))
        if self._broken:  # its figures are meaningless
            return
        joined = np.concatenate((self._rest, samples))
        complete = len(joined) // self._frame * self._frame
        self._measure(joined[:complete].reshape(-1, self._frame))
        self._rest = joined[complete:].copy()
        self._tail = np.concatenate((self._tail, samples[-self._frame :]))[-self._frame :]

    def _measure(self, frames: Samples) -> None:
        """``frames`` has the shape (frames, samples). Sums of 32 bits are exact to -90 dB, even with a large offset."""
        self._sums.append(frames.sum(axis=1).astype(np.float64))
        self._squares.append(np.einsum("ij,ij->i", frames, frames).astype(np.float64))

    def _frames(self) -> tuple[Numbers, Numbers, float]:
        """Returns the power of each frame without its offset, the seconds of each frame, and the mean of all samples.

        The last frame may be short. A broken clip has no frames.
        """
        if self._broken or not self._count:
            return np.empty(0), np.empty(0), 0.0
        remainder = self._rest.astype(np.float64)
        last = [len(remainder)] if len(remainder) else []
        sums = np.concatenate((*self._sums, [float(remainder.sum())] if last else []))
        squares = np.concatenate((*self._squares, [float(remainder @ remainder)] if last else []))
        sizes = np.array([self._frame] * (len(sums) - len(last)) + last, np.float64)
        power = np.maximum(0.0, squares / sizes - (sums / sizes) ** 2)
        return power, sizes / self._sample_rate, float(sums.sum()) / self._count

    def _breaks_off(self, energy: float) -> bool:
        """Whether the last 20 ms are nearly as loud as the speech, whose mean square is ``energy``."""
        return float(np.var(self._tail, dtype=np.float64)) > CUT_LEVEL * energy


def _threshold(power: Numbers) -> float:
    """Returns the power up to which a frame is quiet; ``power`` holds the power of each frame of the clip."""
    if not len(power):
        return QUIET
    place = int(len(power) * (1 - LOUD_SHARE))
    return max(QUIET, SOFT * float(np.partition(power, place)[place]))
