"""Speaks with voices that a package of Python has inside, and that need no network."""

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
from server.providers.health_check import say_a_word
from server.providers.loaded_voice import Speaker
from server.providers.pace import estimate
from server.providers.provider import Load, Reports
from server.providers.sentencewise import Narrator
from server.utterance import Ability, Chunk, Listener, Utterance, Voice


class PackagedVoices(Protocol):
    """What such a package has. To make one imports none of it, and raises EngineFailed when it is not installed."""

    name: str
    """Of the provider."""
    voices: tuple[Voice, ...]
    drawl: float
    """How much longer a character of a text lasts than one of English."""

    def load(self) -> Mapping[str, Speaker]:
        """The voices by their names, warmed up. May raise anything."""
        ...


class PackagedProvider:
    """Speaks with these voices; see server.providers.provider.Provider."""

    abilities = frozenset({Ability.MARKUP})

    def __init__(
        self, package: PackagedVoices, *, threads: int | None, max_audio_seconds: float, log: logging.Logger
    ) -> None:
        """``threads`` are the cores to use, None for all; ``max_audio_seconds`` the longest audio that one utterance
        may become."""
        self.name = package.name
        self._package = package
        self._narrator = Narrator(self.name, threads, max_audio_seconds)
        self._log = log

    def voices(self) -> tuple[Voice, ...]:
        return self._package.voices

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance) * self._package.drawl

    def load(self) -> Load:
        return self._narrator.load

    async def start(self, reports: Reports) -> None:
        """Loads the voices and speaks. Raises EngineFailed when that fails."""
        begun = time.perf_counter()
        try:
            speakers = await self._narrator.do(self._package.load)
        except EngineFailed:
            raise
        except Exception as error:  # onnxruntime, what reads the texts, or a package that is not what we know
            raise EngineFailed(f"the voices of {self.name} can't be loaded") from error
        self._narrator.engage(speakers)
        seconds = time.perf_counter() - begun
        for voice in speakers:
            reports.loaded(voice, seconds)
        self._log.info("the voices of %s are loaded in %.1f s", self.name, seconds)

    async def check(self) -> None:
        await say_a_word(self, self._package.voices[0])

    def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        return self._narrator.speak(utterance)

    async def close(self) -> None:
        """Waits for the sentences that are being spoken; what is not finished fails with ShuttingDown."""
        await self._narrator.close()


def folder(module: str, missing: str) -> Path:
    """Where a package's files are, found without importing it. Raises EngineFailed, saying ``missing``."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise EngineFailed(missing)
    return Path(spec.origin).parent


def checksum(distribution: str, files: Iterable[Path]) -> str:
    """Over files of a package, in this order, and its version, whose code makes audio of what they give; 15 ms."""
    whole = hashlib.sha256(importlib.metadata.version(distribution).encode())
    for path in files:
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
