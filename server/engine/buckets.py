"""Which steps may be taken together: what is in a batch must fit together, and should be about as long."""

from __future__ import annotations

LENGTHS = (32, 64, 96, 128, 192, 256, 384, 512, 768)
"""Buckets: a batch is padded to its longest, so the lengths in it lie within a third or so of each other."""


def window(frames: int, context: int, start: int, stop: int) -> tuple[int, int, int]:
    """What windows of one batch must have in common: their frames, and their context on either side.

    Of a sentence of ``frames``, whose windows need ``context`` on each side unless it begins or ends there.
    """
    return stop - start, min(start, context), min(frames - stop, context)


def bucket(size: int) -> int:
    """The length that a step of ``size`` ids or frames is batched with."""
    return next((length for length in LENGTHS if size <= length), -(-size // LENGTHS[-1]) * LENGTHS[-1])
