"""The windows and blocks that a sentence is made in: the first audio soon, the rest at the least cost."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WINDOWS = (32, 64)
"""Frames of the first windows of a stream. 32 frames are .37 s of audio at 22,050 Hz, decoded in 25 ms by one core of
2022; each window is heard for much longer than the next one takes."""
WINDOW = 128
"""Frames of every other window: with the context that is decoded twice, 6 % more work than a sentence in one piece,
and the intermediate results of a window stay in a core's cache."""

GROWTH = 4
"""The length of each block of a stream's first sentence, as a multiple of the one before: a block plays for longer than
the next one takes, which is a twentieth of its length."""


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """Frames from ``start`` up to, not including, ``stop``."""

    start: int
    stop: int

    @property
    def frames(self) -> int:
        return self.stop - self.start


def windows(frames: int, low_latency: bool) -> tuple[FrameSpan, ...]:
    """Returns the windows that ``frames`` are decoded in; joined they are all of it.

    A short rest joins the window before. ``low_latency`` makes the first windows of a stream short.
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
    """Returns the blocks that ``frames`` go through the flow in.

    With ``low_latency`` the first block is what the first window needs, and each block is longer than the one before.
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
    """Returns what the windows of one batch must have in common: their frames, and their context on either side.

    The window is part of a sentence of ``frames``. It needs ``context`` on each side unless the sentence begins or ends
    there.
    """
    return stop - start, min(start, context), min(frames - stop, context)
