"""The state of a provider in the chain, and the candidates to speak for a voice."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace

from server.errors import SpeechError
from server.logs import LOGGER
from server.providers.provider import Provider
from server.synthesis.fallback.breaker import Breaker
from server.utterance import Utterance, Voice

CHECK_SECONDS = 10.0
"""Time for a check; a word takes the slowest of ours a tenth of a second."""

log = logging.getLogger(f"{LOGGER}.member")


@dataclass(slots=True, eq=False)
class ProviderState:
    """A provider of the chain, whether it can speak, and its breaker."""

    provider: Provider
    breaker: Breaker = field(default_factory=Breaker)
    started: bool = False
    running: bool = True
    """Whether it has what it needs to speak: not while its worker process is started again."""
    lost: bool = False
    """Whether it will never speak again in this process."""
    busy: int = 0
    """Attempts under way."""
    last_success: float = float("-inf")
    """The time when it last spoke or was checked, in seconds of ``time.monotonic``."""
    _check: asyncio.Task[bool] | None = None
    """The check that is under way."""

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def available(self) -> bool:
        return self.able and self.breaker.closed

    @property
    def able(self) -> bool:
        """Whether it could speak if it was asked, as far as it knows itself."""
        return self.started and self.running

    def forecast(self, utterance: Utterance) -> float:
        """Seconds until the utterance is spoken, by what waits and its pace."""
        load = self.provider.load()
        return (load.audio_seconds + self.provider.estimate(utterance)) / load.rate

    async def check(self) -> bool:
        """Whether the provider passes its own check now; whoever asks while one is under way shares it."""
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._run_check())
        return await asyncio.shield(self._check)

    async def close(self) -> None:
        """Gives up the check that is under way, and closes the provider."""
        if self._check is not None:
            self._check.cancel()
        await self.provider.close()

    async def _run_check(self) -> bool:
        start = time.monotonic()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self.provider.check()
        except TimeoutError:
            return self.last_success > start  # it is busy, not broken, if it has spoken for others meanwhile
        except SpeechError:
            return False
        except Exception:  # a mistake in a provider is a provider that can't speak, and no end of the others' checks
            log.exception("a provider's check has a mistake", extra={"provider": self.name})
            return False
        self.last_success = time.monotonic()
        return True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider that may speak for a voice, and the voice of its own that it does it with."""

    state: ProviderState
    voice: Voice

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.state.name

    def adapt(self, utterance: Utterance) -> Utterance:
        """Returns the utterance as this provider must be asked for it."""
        if self.voice == utterance.voice:
            return utterance
        speaks_it = utterance.language in self.voice.languages
        language = utterance.language if speaks_it else self.voice.languages[0]
        return replace(utterance, voice=self.voice, language=language)
