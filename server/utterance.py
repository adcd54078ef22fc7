"""The vocabulary that the whole server speaks: voices, utterances, chunks of audio, stages and outcomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from otel.contract.values import Stage

Samples = npt.NDArray[np.float32]
"""Mono audio, shape (samples,), within -1 to 1."""
VOICE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SPEED_RANGE = (0.25, 4.0)
REGISTERED = "registered"
"""The name in signals of every voice that a client has registered: its own is the client's, and goes into none."""


@dataclass(frozen=True, slots=True)
class BatchPeers:
    """The other requests of a batch, with which a step was taken."""

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
    peers: BatchPeers | None = None
    """The other requests of the same batch; None if the step was executed for this request alone."""

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
        return 1 + len(self.peers.origins) if self.peers else 1


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
        """Its name in signals."""
        return REGISTERED if self.registered else self.name

    def __post_init__(self) -> None:
        if not VOICE_NAME.fullmatch(self.name):
            raise ValueError(f"a voice's name must match {VOICE_NAME.pattern}, not {self.name!r}")
        if not self.languages:
            raise ValueError(f"voice {self.name} has no language")
        if self.sample_rate <= 0:
            raise ValueError(f"voice {self.name} has a sample rate of {self.sample_rate} Hz")


class Ability(StrEnum):
    """An ability that not every provider has."""

    MARKUP = "markup"
    """Pauses of a given length, and a pace that changes within a text."""
    WORD_TIMES = "word_times"
    """The times at which the words are said."""


@dataclass(frozen=True, slots=True)
class Verbalization:
    """A stretch of a text, from ``start`` up to, not including, ``stop``, and how it is spoken."""

    start: int
    stop: int
    spoken: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text with markup; without text it is a pause alone."""

    text: str
    rate: float = 1.0
    """Times the utterance's speed."""
    pause: float | None = None
    """Seconds of silence after it; None is as long as after any sentence."""
    verbalizations: tuple[Verbalization, ...] = ()
    """What is not to be read as it is written, in order."""


@dataclass(frozen=True, slots=True)
class Word:
    """What stands between two spaces of a text, and when it is heard: seconds from the beginning of the audio."""

    written: str
    start: float
    end: float


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
    passages: tuple[Passage, ...] = ()
    """The text as its markup has it; none of a plain one."""
    timed: bool = False
    """Whether the times of its words are wanted."""

    def __post_init__(self) -> None:
        if self.language not in self.voice.languages:
            raise ValueError(f"voice {self.voice.name} does not speak {self.language}")
        low, high = SPEED_RANGE
        if not low <= self.speed <= high:
            raise ValueError(f"speed {self.speed} is outside {low} to {high}")

    @property
    def needs(self) -> frozenset[Ability]:
        """The abilities that its provider must have."""
        needs = {Ability.MARKUP: bool(self.passages), Ability.WORD_TIMES: self.timed}
        return frozenset(ability for ability, needs_it in needs.items() if needs_it)

    @property
    def leading_silence(self) -> float:
        """The seconds of silence that it begins with."""
        return sum(passage.pause or 0.0 for passage in takewhile(lambda each: not each.text, self.passages))

    @property
    def pauses(self) -> float:
        """Seconds of silence that its markup asks for."""
        return sum(passage.pause or 0.0 for passage in self.passages)

    @property
    def speeds(self) -> tuple[float, float]:
        """The slowest and the fastest pace in it."""
        rates = [passage.rate for passage in self.passages if passage.text] or [1.0]
        return self.speed * min(rates), self.speed * max(rates)


@dataclass(frozen=True, slots=True)
class Listener:
    """The client that waits for the audio of an utterance, and how."""

    streamed: bool = False
    """Whether it is heard as it comes, not when it is whole."""
    client: str = ""
    """The client that the work is for, to be fair among clients: the name of a key, or an address. It goes into no
    signal."""
    origin: object = None
    """The context of the request's SERVER span: for the links of those that share a batch with it, and for whoever
    speaks elsewhere to continue the trace."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of speech, and where the time to make it went."""

    samples: Samples
    sample_rate: int
    """Hz."""
    intervals: tuple[Interval, ...] = ()
    expected: float | None = None
    """Seconds of audio that the whole utterance should become, pauses included, as its provider reckons from what it
    will say; in the first chunk alone, of a provider that knows."""
    spoken_text: str = ""
    """The words that the whole utterance is spoken in, numbers and abbreviations read out; there too."""
    words: tuple[Word, ...] = ()
    """The words whose times are known with this chunk; none comes later than its audio. Only for timed utterances."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate
