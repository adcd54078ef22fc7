"""What makes the same audio again: the seed that all noise in a clip follows from, on the same arithmetic."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from server.utterance import SEED_RANGE

COUNT = SEED_RANGE[1] + 1
LONG_WINDOWS = 2**31
"""From this seed on, a text's first sentence is made in long windows like the others: that takes less work for a whole
answer. With a lower seed its first windows are short, for the listener of a stream. So the seed alone decides how sums
are computed, and the same audio can be made again whole and streamed."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a voice's numbers are computed: the same seed makes the same bytes where all of it is equal."""

    processor: str
    """The kind of processor: maker, family, model and vector instructions of a CPU, the name of a GPU."""
    number_format: str
    """The format in which the decoder computes, such as float32 or bfloat16."""
    library: str
    """The library that computes, and its version."""


def take_seed(stated: int | None, take: int, *, streamed: bool) -> int:
    """Returns the seed of a clip that was made ``take`` times before and discarded: the ``stated`` one and those that
    follow it, or a new one each time, of those that are best for a stream or for a whole answer."""
    if stated is not None:
        return (stated + take) % COUNT
    return secrets.randbelow(LONG_WINDOWS) + (0 if streamed else LONG_WINDOWS)


def has_short_windows(seed: int) -> bool:
    """Whether the audio of a seed begins with short windows."""
    return seed < LONG_WINDOWS
