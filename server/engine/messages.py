"""What the server and its engine's process say to each other, and how it stands on the wire.

A frame is a header, a pickled message, and the samples that belong to it as they lie in memory. Both ends are this
program, joined by a pair of sockets that nobody else has.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np

from server.engine.vocabulary import Vocabulary
from server.scheduling.engine import Samples

HEADER = Struct("!III")
"""Bytes of the message, and the shape of the samples: windows, and samples of each."""
EMPTY = np.empty((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Open:
    """Get ready on ``device``: auto, cpu, cuda or cuda:N. Answered with its type, cpu or cuda."""

    device: str


@dataclass(frozen=True, slots=True)
class Load:
    """Load a voice from its files. Answered with a Loaded."""

    voice: str
    config: Path
    model: Path


@dataclass(frozen=True, slots=True)
class Loaded:
    """A voice that can be tried."""

    sample_rate: int
    vocabulary: Vocabulary
    frame_seconds: float
    context: int
    """Frames on each side of a window that its decoding reads too."""


@dataclass(frozen=True, slots=True)
class Try:
    """Speak a sentence with a voice that is loaded. Answered with the seconds of its audio."""

    voice: str
    ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Finish:
    """Choose the format of a voice's decoder by a sentence, and make it speakable. Answered with a Finished."""

    voice: str
    ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Finished:
    """A voice that speaks."""

    dtype: str
    rate: float
    """Seconds of audio that it makes in a second."""


@dataclass(frozen=True, slots=True)
class Settle:
    """All voices are loaded."""


@dataclass(frozen=True, slots=True)
class Encode:
    """Ids, speeds, and whether the ids' ends are wanted, of sentences of one voice. Answered with Latents."""

    voice: str
    sentences: Sequence[tuple[Sequence[int], float, bool]]


@dataclass(frozen=True, slots=True)
class Latent:
    """A sentence's latent frames, which stay where they were made."""

    key: int
    frames: int
    ends: Sequence[int]


Block = tuple[int, int, int]
"""The key of a latent, and its frames from the second number up to, not including, the third."""


@dataclass(frozen=True, slots=True)
class Refine:
    """Take blocks through the flow."""

    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Decode:
    """Windows of equal shape to a waveform. Answered with samples, shape (windows, samples)."""

    windows: Sequence[Block]
    threads: int
    """How many cores it may use."""


Request = Open | Load | Try | Finish | Settle | Encode | Refine | Decode


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and the keys of latents that nobody wants any longer."""

    request: Request
    forgotten: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """To one question; questions on one connection are answered in their order."""

    value: Any = None
    begin: int = 0
    """When the work on it began, in ns of time.perf_counter_ns, which is one clock for all processes of a machine."""
    end: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with a question instead: EngineLost, EngineFailed or VoiceError."""

    error: Exception


def frame(message: object, samples: Samples = EMPTY) -> bytes:
    """What goes before the samples, which are sent as they are."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(body), *samples.shape) + body
