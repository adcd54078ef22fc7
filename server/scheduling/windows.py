"""In which pieces a sentence is made: the first audio early, the rest in pieces that cost the least."""

from __future__ import annotations

from dataclasses import dataclass

EARLY = (32, 64)
"""Frames of the first windows of a stream. 32 frames are .37 s of audio at 22,050 Hz, decoded in 25 ms by one core of
2022; each window is heard for much longer than the next one takes."""
WINDOW = 128
"""Frames of every other window: with the context that is decoded twice, 6 % more work than a sentence in one piece,
and the intermediate results of a window stay in a core's cache."""

GROWTH = 4
"""How many times longer each block of a stream's first sentence is than the one before: it is heard for longer than the
next one takes, which is a twentieth of its length."""


@dataclass(frozen=True, slots=True)
class Span:
    """Frames from ``start`` up to, not including, ``stop``."""

    start: int
    stop: int

    @property
    def frames(self) -> int:
        return self.stop - self.start


def windows(frames: int, early: bool) -> tuple[Span, ...]:
    """The windows that ``frames`` are decoded in; joined they are all of it. A short rest joins the window before."""
    spans: list[Span] = []
    start = 0
    sizes = list(EARLY) if early else []
    while start < frames:
        size = sizes.pop(0) if sizes else WINDOW
        stop = frames if frames - start < size * 3 // 2 else start + size
        spans.append(Span(start, stop))
        start = stop
    return tuple(spans)


def blocks(frames: int, early: bool, context: int) -> tuple[Span, ...]:
    """The blocks that ``frames`` go through the flow in: for a stream what its first window needs, then ever more."""
    if not early:
        return (Span(0, frames),)
    spans: list[Span] = []
    start, size = 0, EARLY[0] + context
    while start < frames:
        stop = frames if frames - start < size * 2 else start + size
        spans.append(Span(start, stop))
        start, size = stop, size * GROWTH
    return tuple(spans)
