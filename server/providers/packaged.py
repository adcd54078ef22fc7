"""Speaks with voices that ship inside a Python package and need no network."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import logging
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from server.errors import EngineFailed
from server.providers.health_check import check_speech
from server.providers.loaded_voice import LoadedVoice
from server.providers.pace import estimate
from server.providers.provider import Load, Reports
from server.providers.sentencewise import SentencewiseSynthesizer
from server.utterance import Ability, Chunk, Listener, Utterance, Voice


class PackagedVoices(Protocol):
    """The voices of a package. The constructor does not import it; raises EngineFailed when it is not installed."""

    name: str
    """The provider's name."""
    voices: tuple[Voice, ...]
    length_factor: float
    """The spoken length of a character, as a multiple of an English one's."""
    repeatable: bool
    """Whether the same seed makes the same audio."""

    def load(self) -> Mapping[str, LoadedVoice]:
        """Returns the warmed-up voices by name. May raise any exception."""
        ...


class PackagedProvider:
    """Speaks with a package's voices; see server.providers.provider.Provider."""

    def __init__(
        self, package: PackagedVoices, *, threads: int | None, max_audio_seconds: float, log: logging.Logger
    ) -> None:
        """``threads`` is the number of cores to use, None for all; ``max_audio_seconds`` limits the audio of one
        utterance."""
        self.name = package.name
        self.abilities = frozenset({Ability.MARKUP, *([Ability.SEED] if package.repeatable else [])})
        self._package = package
        self._synthesizer = SentencewiseSynthesizer(self.name, threads, max_audio_seconds)
        self._log = log

    def voices(self) -> tuple[Voice, ...]:
        return self._package.voices

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance) * self._package.length_factor

    def load(self) -> Load:
        return self._synthesizer.load

    async def start(self, reports: Reports) -> None:
        """Loads and warms up the voices. Raises EngineFailed."""
        start = time.perf_counter()
        try:
            voices = await self._synthesizer.run(self._package.load)
        except EngineFailed:
            raise
        except Exception as error:  # of onnxruntime, a text frontend, or an unexpected version of the package
            raise EngineFailed(f"the voices of {self.name} can't be loaded") from error
        self._synthesizer.set_voices(voices, reports)
        seconds = time.perf_counter() - start
        for voice in voices:
            reports.loaded(voice, seconds)
        self._log.info("the voices of %s are loaded in %.1f s", self.name, seconds)

    async def check(self) -> None:
        await check_speech(self, self._package.voices[0])

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        return self._synthesizer.speak(utterance)

    async def close(self) -> None:
        """Waits for running phrases; unfinished requests fail with ShuttingDown."""
        await self._synthesizer.close()


def folder(module: str, missing: str) -> Path:
    """Returns the folder of a package without importing it. Raises EngineFailed with the message ``missing``."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise EngineFailed(missing)
    return Path(spec.origin).parent


def checksum(distribution: str, files: Iterable[Path]) -> str:
    """Returns a checksum over files of a package, in order, and its version, since its code affects the audio too.

    It takes 15 ms.
    """
    digest = hashlib.sha256(importlib.metadata.version(distribution).encode())
    for path in files:
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
