"""The features of a request, all of them known when it is admitted, and what a model computes from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

STIFFNESS = 0.3
"""The share of the audio's length that speed does not change, in models whose phonemes last whole frames."""
LEAST_THROUGHPUT = 0.01
"""Seconds of audio per second, below which a measured throughput is not believed."""
UNKNOWN = -1.0
"""The code of a category that the model has not seen."""

CategoryName = Literal["voice", "language", "response_format", "device"]
CATEGORIES: tuple[CategoryName, ...] = get_args(CategoryName)
"""The features that are names. In a vector, each is the position of its name in the model's own list."""
NUMBERS = (
    "words",
    "characters",
    "phonemes",
    "speed",
    "streamed",
    "audio_ahead",
    "requests_ahead",
    "throughput",
)
"""The features that are numbers, or a flag."""
DERIVED = ("length", "work", "wait")
"""What is computed of them: see ``RequestFeatures``."""
VECTOR = (*NUMBERS, *DERIVED, *CATEGORIES)
"""The members of a vector, in order."""
TERMS = ("one", "length", "pace", "work", "work_whole", "wait")
"""The terms of a model's linear part, in order. Trees can't predict beyond what they have seen; this part can."""


@dataclass(frozen=True, slots=True)
class RequestFeatures:
    """The features of one request, on its arrival."""

    words: int
    characters: int
    phonemes: int
    """An estimate, from the letters, digits and signs of the text: phonemes are known only after admission."""
    speed: float
    streamed: bool
    audio_ahead: float
    """Seconds of audio that other clients waited for."""
    requests_ahead: int
    """The number of syntheses that were under way: at most so many share a batch with it."""
    throughput: float
    """The measured throughput of the provider, in seconds of audio per second."""
    voice: str
    language: str
    response_format: str
    device: str

    @property
    def length(self) -> float:
        """The phonemes that last as long at speed 1."""
        return self.phonemes * (STIFFNESS + (1 - STIFFNESS) / self.speed)

    @property
    def pace(self) -> float:
        """Seconds that the provider needs for a second of audio."""
        return 1.0 / max(LEAST_THROUGHPUT, self.throughput)

    def vector(self, categories: Mapping[str, Mapping[str, float]]) -> list[float]:
        """Returns the features as numbers, in the order of VECTOR; ``categories`` has the code of each known name."""
        pace, length = self.pace, self.length
        return [
            self.words,
            self.characters,
            self.phonemes,
            self.speed,
            float(self.streamed),
            self.audio_ahead,
            self.requests_ahead,
            self.throughput,
            length,
            length * pace,
            self.audio_ahead * pace,
            categories["voice"].get(self.voice, UNKNOWN),
            categories["language"].get(self.language, UNKNOWN),
            categories["response_format"].get(self.response_format, UNKNOWN),
            categories["device"].get(self.device, UNKNOWN),
        ]

    def terms(self) -> tuple[float, ...]:
        """Returns the terms of the linear part, in the order of TERMS."""
        pace, length = self.pace, self.length
        work = length * pace
        return 1.0, length, pace, work, 0.0 if self.streamed else work, self.audio_ahead * pace


@dataclass(frozen=True, slots=True)
class Quantiles:
    """The predicted quantiles of a duration in seconds."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is predicted of a request when it is admitted. All is in seconds."""

    features: RequestFeatures
    predictor: str
    """Which predictor it is from: a member of otel.contract.values.Predictor."""
    audio_seconds: float
    """The median of the seconds of audio."""
    duration: Quantiles
    """Until all audio is ready."""
    first_audio: Quantiles
    """Until the first audio is ready: for a whole answer, until all is."""
