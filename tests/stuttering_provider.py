"""A provider of real speech that leaves out, repeats or garbles words of a text's first clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace

import numpy as np

from server.providers.provider import Provider
from server.utterance import Chunk, Listener, Samples, Utterance
from tests.faulty_provider import Faulty

Spoil = Callable[[Samples], Samples]


def dropped(samples: Samples) -> Samples:
    """The clip without its middle third."""
    third = len(samples) // 3
    return np.concatenate((samples[:third], samples[2 * third :]))


def garbled(samples: Samples) -> Samples:
    """The clip with its middle half backwards: as long and as loud, but not speech."""
    quarter = len(samples) // 4
    return np.concatenate((samples[:quarter], samples[quarter : 3 * quarter][::-1], samples[3 * quarter :]))


def repeated(samples: Samples) -> Samples:
    """The clip, with its first half twice."""
    return np.concatenate((samples[: len(samples) // 2], samples))


def as_it_is(samples: Samples) -> Samples:
    return samples


class StutteringProvider(Faulty):
    """Speaks with ``provider``; the clips of a text are spoiled in turn as ``spoils`` has them for it, the last one for
    good."""

    def __init__(self, provider: Provider, spoils: Mapping[str, tuple[Spoil, ...]]) -> None:
        super().__init__(provider)
        self.clips: Counter[str] = Counter()
        """The number of clips that were made, by text."""
        self._spoils = spoils

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        spoils = self._spoils.get(utterance.text, (as_it_is,))
        spoil = spoils[min(self.clips[utterance.text], len(spoils) - 1)]
        self.clips[utterance.text] += 1
        chunks = [chunk async for chunk in self._provider.speak(utterance, listener)]
        samples = spoil(np.concatenate([chunk.samples for chunk in chunks]))
        yield replace(chunks[0], samples=samples, intervals=tuple(i for chunk in chunks for i in chunk.intervals))
