"""The messages between the server and its engine's process, and their wire format.

A frame is a header, a pickled message, and its samples as they are in memory. Both ends are this program, connected by
a pair of sockets that no other process has.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Generic, TypeVar

import numpy as np

from server.engine.noise import NoiseKey
from server.engine.vocabulary import Vocabulary
from server.seeds import Arithmetic
from server.utterance import Samples

HEADER = Struct("!III")
"""The bytes of the message, and the shape of the samples: windows, and samples of each."""
EMPTY = np.empty((0, 0), np.float32)

R_co = TypeVar("R_co", covariant=True)


class Command(Generic[R_co]):
    """A command for the engine's process. The type argument is the type of the response's value."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class OpenDevice(Command[str]):
    """Opens ``device``: auto, cpu, cuda or cuda:N. The response is its type, cpu or cuda."""

    device: str


@dataclass(frozen=True, slots=True)
class VoiceProperties:
    """A voice whose model is loaded."""

    sample_rate: int
    vocabulary: Vocabulary
    frame_seconds: float
    context: int
    """The frames on each side of a window that decoding it also reads."""


@dataclass(frozen=True, slots=True)
class LoadVoice(Command[VoiceProperties]):
    """Loads a voice from its files."""

    voice: str
    config: Path
    model: Path


@dataclass(frozen=True, slots=True)
class SpeakSentence(Command[float]):
    """Speaks a sentence with a loaded voice. The response is its duration in seconds."""

    voice: str
    ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class DecoderProperties:
    """The properties of a voice's prepared decoder."""

    arithmetic: Arithmetic
    rate: float
    """The seconds of audio that the voice generates per second."""


@dataclass(frozen=True, slots=True)
class PrepareDecoder(Command[DecoderProperties]):
    """Chooses the number format of a voice's decoder on a sentence, unless ``number_format`` is a certain one, and
    records its usual windows."""

    voice: str
    ids: Sequence[int]
    number_format: str


@dataclass(frozen=True, slots=True)
class EndLoading(Command[None]):
    """Signals that all voices are loaded."""


@dataclass(frozen=True, slots=True)
class LatentHandle:
    """A sentence's latent frames, which stay in the engine's process."""

    key: int
    frames: int
    ends: Sequence[int]


@dataclass(frozen=True, slots=True)
class EncodeSentences(Command[list[LatentHandle]]):
    """Encodes sentences of one voice. Each has its ids, its speed, whether its ids' ends are needed, and what its noise
    follows from."""

    voice: str
    sentences: Sequence[tuple[Sequence[int], float, bool, NoiseKey]]


Block = tuple[int, int, int]
"""The key of a latent, and its frames from the second number to before the third."""


@dataclass(frozen=True, slots=True)
class RefineBlocks(Command[None]):
    """Takes blocks through the flow."""

    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class DecodeWindows(Command[None]):
    """Turns windows of equal shape into waveforms. The response has samples, shape (windows, samples)."""

    windows: Sequence[Block]
    threads: int
    """The maximum number of cores to use."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A command, and the keys of latents that the server no longer needs."""

    command: Command[object]
    released: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class EngineResponse(Generic[R_co]):
    """The response to one request. The requests on one connection are answered in order."""

    value: R_co
    start: int = 0
    """The start of the work in ns of time.perf_counter_ns, one clock for all processes of a machine."""
    end: int = 0


@dataclass(frozen=True, slots=True)
class EngineFailure:
    """The response to a request that failed: EngineLost, EngineFailed or VoiceError."""

    error: Exception


def frame(message: object, samples: Samples = EMPTY) -> bytes:
    """Returns the header and message that precede the samples, which are sent as they are."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(body), *samples.shape) + body
