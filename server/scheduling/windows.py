"""Splits a sentence into windows and blocks: low latency for the first audio, least cost for the rest."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WINDOWS = (32, 64)
"""Frames of the first windows of a stream. 32 frames are .37 s of audio at 22,050 Hz, decoded in 25 ms by one core of
2022; each window plays for much longer than the next one takes to decode."""
WINDOW = 128
"""Frames of every other window. The context that is decoded twice costs 6 % more work than a sentence in one piece, and
the intermediate results of a window stay in a core's cache."""

GROWTH = 4
"""The length of each block of a stream's first sentence, as a multiple of the previous one: a block plays for longer
than the next one takes to compute, which is a twentieth of its length."""


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """Frames from ``start`` up to, not including, ``stop``."""

    start: int
    stop: int

    @property
    def frames(self) -> int:
        return self.stop - self.start


def windows(frames: int, low_latency: bool) -> tuple[FrameSpan, ...]:
    """Returns the windows in which ``frames`` are decoded, in order and without gaps.

    A short remainder is merged into the previous window. ``low_latency`` makes the first windows of a stream short.
    """
    spans: list[FrameSpan] = []
    start = 0
    sizes = list(FIRST_WINDOWS) if low_latency else []
    while start < frames:
        size = sizes.pop(0) if sizes else WINDOW
        stop = frames if frames - start < size * 3 // 2 else start + size
        spans.append(FrameSpan(start, stop))
        start = stop
    return tuple(spans)


def blocks(frames: int, low_latency: bool, context: int) -> tuple[FrameSpan, ...]:
    """Returns the blocks in which ``frames`` pass through the flow.

    With ``low_latency`` the first block is what the first window needs, and each block is longer than the previous one.
    """
    if not low_latency:
        return (FrameSpan(0, frames),)
    spans: list[FrameSpan] = []
    start, size = 0, FIRST_WINDOWS[0] + context
    while start < frames:
        stop = frames if frames - start < size * 2 else start + size
        spans.append(FrameSpan(start, stop))
        start, size = stop, size * GROWTH
    return tuple(spans)


def window_shape(frames: int, context: int, start: int, stop: int) -> tuple[int, int, int]:
    """Returns the shape that the windows of one batch must share: their frames, and their context on either side.

    The window is part of a sentence of ``frames``. It needs ``context`` on each side unless the sentence begins or ends
    there.
    """
    return stop - start, min(start, context), min(frames - stop, context)
