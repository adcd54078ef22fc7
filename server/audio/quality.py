"""Judges every clip while it is made: whether there is speech in it, and whether it is clean and whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from otel.contract.values import Fault
from server.audio import length_bounds
from server.audio.length_bounds import Bounds
from server.utterance import Samples, Utterance

Numbers = npt.NDArray[np.float64]

FRAME_SECONDS = 0.02
AT_ONCE = 0.5
"""Seconds of audio that are waited for before they are measured: a call of numpy costs as much as 50 ms of audio."""
QUIET = 1e-6
"""Mean square, -60 dBFS: a frame below it is silence in any clip. The default voice pauses at -90 to -100 dBFS."""
SOFT = 10**-3.5
"""A frame 35 dB below the clip's loud frames is a pause, whatever hiss there is in it."""
LOUD_SHARE = 0.05
"""Of the frames are louder than what the others are compared with: a click or two says nothing of the speech."""
ZERO = 1e-6
"""Samples below it are as good as zeros: 1/30 of the last of 16 bits, and below the noise of a neural decoder."""
FULL_SCALE = 0.999
CLIPPED_SHARE = 0.001
"""Of the samples: the peaks of loud but sound speech that touch full scale are ten times fewer; the real voices never
come above 0.87."""
CUT_LEVEL = 10**-1.6
"""Speech that ends within 16 dB of its loudness was cut: it fades by 37 and more in 99 of 100 clips, by 20 in all."""
LOST = 0.9
"""Of the least that the speech may take: with less, about half of it is missing, in a voice of ordinary pace; whole
speech takes 1.29 times as much and more. Between the two a voice may just be quick, so that is a fault, but usable."""
LITTLE = 0.5
"""The same where the provider said what it reckons with: it is believed, unless it has lost most of the text itself."""
SHORT, SHORT_SLACK = 0.68, 0.3
"""Of the seconds that the provider reckons with, less 0.3 s, the least that may be there. Sound clips take 0.8 to 1.4
times what was reckoned, very short or odd ones 0.6. Of what repeats itself in the text, only one instance counts."""
LONG, LONG_SLACK = 1.6, 0.8
"""The most, with 0.8 s more."""
STRAYED = 3.0
"""Times the most that the speech may take: so much more, pauses included, and the model has lost its way."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What a clip is like."""

    seconds: float
    loudness: float | None
    """dBFS: the root mean square of the frames that are not quiet; None when there is none."""
    silence_share: float
    """Of the time, 0 to 1, in quiet frames; 1 of nothing."""
    clipping_share: float
    """Of the samples, 0 to 1, at full scale."""
    dc_offset: float
    """The samples' mean, -1 to 1; 0 where they are not numbers."""
    seconds_per_character: float
    """At speed 1."""
    faults: tuple[Fault, ...]
    usable: bool
    """False of what nobody should get: silence, and speech of which about half is missing."""


class Inspector:
    """Takes a clip chunk by chunk; where their borders are makes no difference."""

    def __init__(self, utterance: Utterance) -> None:
        self._utterance = utterance
        self._sample_rate = 0
        self._frame = 0
        """Samples in one."""
        self._count = 0
        self._full = 0
        self._heard = False
        self._broken = False
        self._rest: Samples = np.empty(0, np.float32)
        """Of the samples, what is no whole frame yet."""
        self._tail: Samples = self._rest
        """The last frame's worth of samples."""
        self._expected: float | None = None
        self._said = ""
        self._waiting: list[Samples] = []
        self._waiting_count = 0
        self._sums: list[Numbers] = []
        self._squares: list[Numbers] = []

    def add(self, samples: Samples, sample_rate: int) -> None:
        """The next chunk, shape (samples,), at ``sample_rate`` Hz; it may not be changed afterwards.

        Raises ValueError when the rate is another than before.
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

    def expect(self, seconds: float, said: str = "") -> None:
        """Of audio that the whole clip should be, and the words it is spoken in, by who makes it."""
        self._expected, self._said = seconds, said

    @property
    def silent_so_far(self) -> bool:
        """Whether there were only zeros, or anything that is not a number: no listener would miss it."""
        self._take()
        return self._broken or not self._heard

    def verdict(self) -> Quality:
        """On all that was added, when there will be no more; 0.2 ms, and 0.1 for each 100 characters."""
        self._take()
        utterance = self._utterance
        seconds = self._count / self._sample_rate if self._count else 0.0
        power, duration, mean = self._frames()
        sounding = power > _threshold(power)
        spoken = float(duration[sounding].sum())
        energy = float((power * duration)[sounding].sum()) / spoken if spoken else None
        faults = []
        slow, fast = utterance.speeds
        said = self._said or utterance.text
        allowed = Bounds(
            length_bounds.bounds(said, utterance.language, fast).least,
            length_bounds.bounds(said, utterance.language, slow).most,
        )
        clipping = self._full / self._count if self._count else 0.0
        if energy is None:
            faults.append(Fault.SILENT)
        if clipping > CLIPPED_SHARE:
            faults.append(Fault.CLIPPED)
        reckoned = Bounds(0.0, math.inf)
        if self._expected is not None:
            share = len(length_bounds.once(said)) / max(1, len(said))
            reckoned = Bounds(SHORT * share * self._expected - SHORT_SLACK, LONG * self._expected + LONG_SLACK)
        if energy is not None and (spoken < allowed.least or seconds < reckoned.least or self._breaks_off(energy)):
            faults.append(Fault.TRUNCATED)
        if spoken > allowed.most or seconds > min(reckoned.most, STRAYED * allowed.most + utterance.pauses):
            faults.append(Fault.TOO_LONG)
        enough = (LOST if self._expected is None else LITTLE) * allowed.least
        return Quality(
            seconds=seconds,
            loudness=None if energy is None else 10 * math.log10(energy),
            silence_share=1.0 - spoken / float(duration.sum()) if len(duration) else 1.0,
            clipping_share=clipping,
            dc_offset=mean,
            seconds_per_character=(seconds - utterance.pauses) * utterance.speed / max(1, utterance.characters),
            faults=tuple(faults),
            usable=energy is not None and spoken >= enough and seconds >= reckoned.least,
        )

    def _take(self) -> None:
        """Measures what is waiting."""
        if not self._waiting_count:
            return
        samples = np.concatenate(self._waiting) if len(self._waiting) > 1 else self._waiting[0]
        self._waiting, self._waiting_count = [], 0
        low, high = float(samples.min()), float(samples.max())
        self._broken = self._broken or not (math.isfinite(low) and math.isfinite(high))
        self._heard = self._heard or high > ZERO or low < -ZERO
        if high >= FULL_SCALE or low <= -FULL_SCALE:
            self._full += int(np.count_nonzero(np.abs(samples) >= FULL_SCALE))
        if self._broken:  # no figure of it means anything
            return
        joined = np.concatenate((self._rest, samples))
        whole = len(joined) // self._frame * self._frame
        self._measure(joined[:whole].reshape(-1, self._frame))
        self._rest = joined[whole:].copy()
        self._tail = np.concatenate((self._tail, samples[-self._frame :]))[-self._frame :]

    def _measure(self, frames: Samples) -> None:
        """``frames`` has the shape (frames, samples). Sums of 32 bits are exact to -90 dB, even with a large offset."""
        self._sums.append(frames.sum(axis=1).astype(np.float64))
        self._squares.append(np.einsum("ij,ij->i", frames, frames).astype(np.float64))

    def _frames(self) -> tuple[Numbers, Numbers, float]:
        """The power of each frame without its offset, its seconds, and the mean of all samples.

        The last frame may be a short one. Of what is broken there are none.
        """
        if self._broken or not self._count:
            return np.empty(0), np.empty(0), 0.0
        rest = self._rest.astype(np.float64)
        last = [len(rest)] if len(rest) else []
        sums = np.concatenate((*self._sums, [float(rest.sum())] if last else []))
        squares = np.concatenate((*self._squares, [float(rest @ rest)] if last else []))
        sizes = np.array([self._frame] * (len(sums) - len(last)) + last, np.float64)
        power = np.maximum(0.0, squares / sizes - (sums / sizes) ** 2)
        return power, sizes / self._sample_rate, float(sums.sum()) / self._count

    def _breaks_off(self, energy: float) -> bool:
        """Whether the last 20 ms are nearly as loud as the speech, whose mean square is ``energy``."""
        return float(np.var(self._tail, dtype=np.float64)) > CUT_LEVEL * energy


def _threshold(power: Numbers) -> float:
    """The power up to which a frame is quiet, in a clip of frames with ``power``."""
    if not len(power):
        return QUIET
    place = int(len(power) * (1 - LOUD_SHARE))
    return max(QUIET, SOFT * float(np.partition(power, place)[place]))
