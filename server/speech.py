"""The vocabulary that the whole server speaks: voices, utterances, chunks of audio, stages and outcomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

VOICE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SPEED_RANGE = (0.25, 4.0)
REGISTERED = "registered"
"""What signals call every voice that a client has registered: its name is the client's, and goes into none."""


class Stage(StrEnum):
    """A part of a request's way, in order; the values of the attribute ``stage``."""

    NORMALIZE = "normalize"
    QUEUE = "queue"
    PHONEMIZE = "phonemize"
    INFER = "infer"
    DECODE = "decode"
    ENCODE = "encode"
    SEND = "send"


class Outcome(StrEnum):
    """How a request for audio ended."""

    OK = "ok"
    """All audio was handed to the client."""
    ERROR = "error"
    """Accepted, and then it failed."""
    CANCELLED = "cancelled"
    """The client left, or stopped reading, before the end."""
    REJECTED = "rejected"
    """Refused before any synthesis: bad input, or no room."""


class CacheResult(StrEnum):
    """Where the audio of a request came from; the values of the attribute ``result``."""

    HIT = "hit"
    MISS = "miss"
    COALESCED = "coalesced"
    """From a synthesis that was under way for an equal request."""
    BYPASS = "bypass"
    """Made for this request alone, and not kept: by the client's wish, or the cache is too small, or off."""


@dataclass(frozen=True, slots=True)
class Mates:
    """Whom a step was taken together with."""

    origins: tuple[object, ...]
    """What the others' listeners gave as theirs: the context of their SERVER span."""
    padding: float
    """The share of the batch that pads the shorter ones, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of one stage, in nanoseconds of ``time.perf_counter_ns``."""

    stage: Stage
    start: int
    end: int
    mates: Mates | None = None
    """None of what was done for this request alone."""

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"{self.stage} ends {self.start - self.end} ns before it starts")

    @property
    def nanos(self) -> int:
        return self.end - self.start

    @property
    def seconds(self) -> float:
        return self.nanos / 1e9

    @property
    def batch_size(self) -> int:
        return 1 + len(self.mates.origins) if self.mates else 1


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that can be asked for: what clients, labels and the cache need to know of it."""

    name: str
    languages: tuple[str, ...]
    """BCP 47 codes in lower case; the first is the default, the one that labels carry."""
    sample_rate: int
    """Hz."""
    checksum: str
    """SHA-256 over the model and its configuration, as hexadecimal digits."""
    registered: bool = False
    """Whether a client has made it of a recording."""

    @property
    def label(self) -> str:
        """What signals call it."""
        return REGISTERED if self.registered else self.name

    def __post_init__(self) -> None:
        if not VOICE_NAME.fullmatch(self.name):
            raise ValueError(f"a voice's name must match {VOICE_NAME.pattern}, not {self.name!r}")
        if not self.languages:
            raise ValueError(f"voice {self.name} has no language")
        if self.sample_rate <= 0:
            raise ValueError(f"voice {self.name} has a sample rate of {self.sample_rate} Hz")


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is to be spoken: text without emotion tags, and how."""

    text: str
    voice: Voice
    language: str
    words: int
    characters: int
    speed: float = 1.0
    """1 is the voice's own pace, 2 twice as fast."""

    def __post_init__(self) -> None:
        if self.language not in self.voice.languages:
            raise ValueError(f"voice {self.voice.name} does not speak {self.language}")
        low, high = SPEED_RANGE
        if not low <= self.speed <= high:
            raise ValueError(f"speed {self.speed} is outside {low} to {high}")


@dataclass(frozen=True, slots=True)
class Listener:
    """Who waits for the audio of an utterance, and how."""

    streamed: bool = False
    """Whether it is heard as it comes, not when it is whole."""
    client: str = ""
    """Whom the work is for, to be fair among clients: the name of a key, or an address. It goes into no signal."""
    origin: object = None
    """The context of the request's SERVER span: for the links of those that share a batch with it, and for whoever
    speaks elsewhere to continue the trace."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of speech, and where the time to make it went."""

    samples: npt.NDArray[np.float32]
    """Mono, shape (samples,), within -1 to 1."""
    sample_rate: int
    """Hz."""
    intervals: tuple[Interval, ...] = ()
    expected: float | None = None
    """Seconds of audio that the whole utterance should become, pauses included, as its provider reckons from what it
    will say; in the first chunk alone, of a provider that knows."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate
