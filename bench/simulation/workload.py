"""Arrivals of requests: at random times, with texts of the kind that the other benchmarks send."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.clients.passage import Reader

SHORT_WORDS, LONG_WORDS = (4, 14), (60, 120)
LONG_SHARE = 0.2
"""The share of long texts, which are two thirds of the audio."""
STREAMED_SHARE = 0.8
TEXTS = 500
"""The number of different texts."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request, and when it arrives."""

    at: float
    """Seconds since the beginning."""
    text: str
    streamed: bool = True
    client: str = ""
    """The client's address; empty means a client of its own."""
    cached: bool = False
    """Whether the server has its audio in the cache."""

    @property
    def words(self) -> int:
        """The number of words in its text."""
        return len(self.text.split())


@dataclass(frozen=True, slots=True)
class Mix:
    """Texts from which arrivals choose."""

    texts: tuple[str, ...]
    streamed_share: float = STREAMED_SHARE

    @classmethod
    def usual(cls, seed: int = 1, texts: int = TEXTS) -> Mix:
        """Returns short texts and a few long ones."""
        generator, reader = random.Random(seed), Reader(seed)
        lengths = [LONG_WORDS if generator.random() < LONG_SHARE else SHORT_WORDS for _ in range(texts)]
        return cls(tuple(reader.take(generator.randint(*words)) for words in lengths))

    def arrivals(self, rate: float, seconds: float, seed: int) -> tuple[Arrival, ...]:
        """Returns requests at random times (a Poisson process), ``rate`` a second, each from a client of its own."""
        generator, at, arrivals = random.Random(seed), 0.0, []
        while (at := at + generator.expovariate(rate)) < seconds:
            text, streamed = generator.choice(self.texts), generator.random() < self.streamed_share
            arrivals.append(Arrival(at, text, streamed, address_of(generator)))
        return tuple(arrivals)

    def apart(self, count: int, seconds: float) -> tuple[Arrival, ...]:
        """Returns streams of short texts, ``seconds`` apart."""
        short = [text for text in self.texts if len(text.split()) <= SHORT_WORDS[1]]
        return tuple(Arrival(number * seconds, short[number % len(short)]) for number in range(count))


def address_of(generator: random.Random) -> str:
    """Returns an address of a private network."""
    return f"10.{generator.randrange(256)}.{generator.randrange(256)}.{generator.randrange(1, 255)}"


def span(arrivals: Sequence[Arrival]) -> float:
    """Returns the seconds from the beginning to the last arrival."""
    return arrivals[-1].at if arrivals else 0.0
