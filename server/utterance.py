"""The data types that the whole server shares: voices, utterances, listeners, chunks of audio and their intervals."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from otel.contract.values import WORK, Device, Stage

Samples = npt.NDArray[np.float32]  # mono audio, shape (samples,), within -1 to 1
VOICE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SPEED_RANGE = (0.25, 4.0)
LOUDNESS_RANGE = (-40.0, -5.0)  # LUFS: EBU R128 sets -23, podcasts use -16, streaming services -14
SEED_RANGE = (0, 2**32 - 1)  # as in ElevenLabs' API
MARKUP = "markup"
"""The rule of a range whose reading markup gives."""
VoiceKey = tuple[str | None, str]
"""What tells a voice from all others: the tenant that it belongs to, and its name. Tenants may use the same names."""
REGISTERED = "registered"
"""The label of all registered voices in signals: their real names are user data and appear in no signal."""


@dataclass(frozen=True, slots=True)
class BatchPeers:
    """The other requests in the batch of a step."""

    origins: tuple[object, ...]
    """The ``origin`` of each other request's Listener: the context of its SERVER span."""
    padding: float
    """The share of the batch that is padding, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A time interval spent in one stage, in nanoseconds of ``time.perf_counter_ns``."""

    stage: Stage
    start: int
    end: int
    peers: BatchPeers | None = None
    """The other requests in the batch; None if the step ran for this request alone."""
    replica: str = ""
    """The replica of the engine in which it was spent; empty for this process and its workers."""
    device: Device | None = Device.CPU
    """The part of this machine that it kept busy; None for the time of another machine."""
    units: float = 1.0
    """The mean number of cores, or of GPUs, that it kept busy."""

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
    """A voice, with what clients, metric labels and the cache need to know about it."""

    name: str
    languages: tuple[str, ...]
    """BCP 47 codes in lower case; the first is the default and the one in metric labels."""
    sample_rate: int
    """Hz."""
    checksum: str
    """SHA-256 over the model and its configuration, as hexadecimal digits."""
    tenant: str | None = None
    """The tenant who registered it with a recording, and alone may use it; None for a voice that is everybody's."""

    @property
    def registered(self) -> bool:
        """Whether a client registered it with a recording."""
        return self.tenant is not None

    @property
    def key(self) -> VoiceKey:
        return self.tenant, self.name

    @property
    def label(self) -> str:
        """The voice's name in signals."""
        return REGISTERED if self.registered else self.name

    def __post_init__(self) -> None:
        if not VOICE_NAME.fullmatch(self.name):
            raise ValueError(f"a voice's name must match {VOICE_NAME.pattern}, not {self.name!r}")
        if not self.languages:
            raise ValueError(f"voice {self.name} has no language")
        if self.sample_rate <= 0:
            raise ValueError(f"voice {self.name} has a sample rate of {self.sample_rate} Hz")


class Ability(StrEnum):
    """An optional ability of a provider."""

    MARKUP = "markup"
    """Pauses of a given length, and changes of pace within a text."""
    WORD_TIMES = "word_times"
    """The start and end time of each word."""
    PHONEMES = "phonemes"
    """Words whose phonemes are given."""
    LANGUAGES = "languages"
    """Parts of a text in other languages than the rest."""
    SEED = "seed"
    """The same audio for the same seed. An utterance never needs it: audio that can't be repeated has no seed."""


FEATURES = {
    Ability.MARKUP: "SSML",
    Ability.WORD_TIMES: "timestamps",
    Ability.PHONEMES: "phonemes",
    Ability.LANGUAGES: "parts in other languages",
}
"""The names of abilities in errors to clients."""


@dataclass(frozen=True, slots=True)
class Verbalization:
    """A range of a text, from ``start`` up to, not including, ``stop``, and how it is spoken."""

    start: int
    stop: int
    spoken: str
    """In letters."""
    ipa: str = ""
    """Its phonemes, in place of ``spoken``, for providers that have Ability.PHONEMES."""
    needs_ipa: bool = False
    """Whether ``spoken`` does not replace the phonemes, so that a provider without Ability.PHONEMES can't speak it."""
    rule: str = MARKUP
    """Which kind of order it follows: markup, or an entry of server.text.lexicon."""


@dataclass(frozen=True, slots=True)
class LanguageRun:
    """A range of a text, from ``start`` up to, not including, ``stop``, in another language than the utterance's."""

    start: int
    stop: int
    language: str
    """A BCP 47 code: the language in which the range is read."""
    unsupported: str = ""
    """The language that it is in, if that can't be spoken and ``language`` is read instead; empty otherwise."""
    needed: bool = False
    """Whether markup gives the language, so that a provider without Ability.LANGUAGES can't speak it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text with markup or structure; with empty text it is only a pause."""

    text: str
    rate: float = 1.0
    """The pace as a multiple of the utterance's speed."""
    pause: float | None = None
    """Seconds of silence after it; None means the usual pause after a sentence."""
    verbalizations: tuple[Verbalization, ...] = ()
    """The ranges that are not read as written, in order."""
    runs: tuple[LanguageRun, ...] = ()
    """The ranges in other languages, in order."""

    @property
    def spoken(self) -> str:
        """The text with all its verbalizations in letters."""
        parts, position = [], 0
        for each in self.verbalizations:
            parts += [self.text[position : each.start], each.spoken]
            position = each.stop
        return "".join((*parts, self.text[position:]))

    @property
    def spoken_length(self) -> int:
        """The length of the text with its verbalizations, in characters or phonemes, whichever are more."""
        growth = (max(len(each.spoken), len(each.ipa)) + each.start - each.stop for each in self.verbalizations)
        return len(self.text) + sum(growth)

    def without_phonemes(self) -> Passage:
        """Returns the passage for a provider that takes only letters."""
        in_letters = (replace(each, ipa="") for each in self.verbalizations
                      if not each.ipa or each.spoken != self.text[each.start : each.stop])  # fmt: skip
        return replace(self, verbalizations=tuple(in_letters))


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written (split at spaces), and when it is spoken, in seconds from the beginning of the audio."""

    written: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text to speak, without emotion tags, and how to speak it."""

    text: str
    voice: Voice
    language: str
    words: int
    characters: int
    speed: float = 1.0
    """1 is the voice's own pace, 2 is twice as fast."""
    passages: tuple[Passage, ...] = ()
    """The passages of a text with markup or structure; empty for a text that has neither."""
    timed: bool = False
    """Whether the client requests word times."""
    structural: bool = False
    """Whether the passages only follow the text's structure, which ``text`` has too, a line for each: then a provider
    without Ability.MARKUP may speak it, without their pauses."""
    seed: int | None = None
    """What all noise in its audio follows from; None before the server draws it."""
    exact: bool = False
    """Whether the client states the seed: then its audio has the same bits whatever is spoken beside it."""

    def __post_init__(self) -> None:
        if self.language not in self.voice.languages:
            raise ValueError(f"voice {self.voice.name} does not speak {self.language}")
        if not SPEED_RANGE[0] <= self.speed <= SPEED_RANGE[1]:
            raise ValueError(f"speed {self.speed} is outside {SPEED_RANGE}")

    @property
    def needs(self) -> frozenset[Ability]:
        """The abilities that the provider must have."""
        needs = {
            Ability.MARKUP: bool(self.passages) and not self.structural,
            Ability.WORD_TIMES: self.timed,
            Ability.PHONEMES: any(each.needs_ipa for each in self.verbalizations),
            Ability.LANGUAGES: any(run.needed for passage in self.passages for run in passage.runs),
        }
        return frozenset(ability for ability, needs_it in needs.items() if needs_it)

    @property
    def verbalizations(self) -> list[Verbalization]:
        """All ranges of its passages that are not read as written."""
        return [each for passage in self.passages for each in passage.verbalizations]

    @property
    def languages(self) -> dict[str, int]:
        """The number of characters in each language that is spoken, the most frequent first."""
        counts = Counter({self.language: len(self.text)})
        for run in (run for passage in self.passages for run in passage.runs):
            counts.subtract({self.language: run.stop - run.start})
            counts.update({run.language: run.stop - run.start})
        return {language: count for language, count in counts.most_common() if count > 0}

    @property
    def main_language(self) -> str:
        """The language of most of its text: the one in signals."""
        return next(iter(self.languages), self.language)

    @property
    def leading_silence(self) -> float:
        """Seconds of silence at the beginning."""
        return sum(passage.pause or 0.0 for passage in takewhile(lambda each: not each.text, self.passages))

    @property
    def pauses(self) -> float:
        """The total seconds of the pauses that its passages state."""
        return sum(passage.pause or 0.0 for passage in self.passages)

    @property
    def speeds(self) -> tuple[float, float]:
        """The slowest and the fastest speed of its passages."""
        rates = [passage.rate for passage in self.passages if passage.text] or [1.0]
        return self.speed * min(rates), self.speed * max(rates)


@dataclass(frozen=True, slots=True)
class Listener:
    """The client that receives the audio of an utterance, and how it receives it."""

    streamed: bool = False
    """Whether the client receives the audio as it is made, not when it is complete."""
    client: str = ""
    """The client for fair scheduling: the name of its key, or its address. It appears in no signal."""
    origin: object = None
    """The context of the request's SERVER span: batch peers link to it, and a remote provider continues its trace."""
    tenant: str = ""
    """The tenant whose cached clips it may hear."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of audio, and the intervals in which it was made."""

    samples: Samples
    sample_rate: int
    """Hz."""
    intervals: tuple[Interval, ...] = ()
    expected: float | None = None
    """The provider's estimate of the seconds of the whole utterance with its pauses; in the first chunk, if known."""
    spoken_text: str = ""
    """The whole utterance as spoken, with numbers and abbreviations written out; only where ``expected`` is set."""
    words: tuple[Word, ...] = ()
    """The words whose times are known with this chunk, at the latest with their audio. Only for timed utterances."""
    total: int | None = None
    """The samples of the whole audio; only in the first chunk, and only of audio that is complete already."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate

    @property
    def synthesis_seconds(self) -> float:
        """The real time of making it, without waits; 0 for a chunk from the cache."""
        return sum(interval.seconds for interval in self.intervals if interval.stage in WORK)
