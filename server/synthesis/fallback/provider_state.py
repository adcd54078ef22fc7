"""The state of a provider in the fallback chain, and the candidates of a voice."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace

from server.errors import SpeechError
from server.logs import LOGGER
from server.providers.provider import ArithmeticProvider, PhonemeProvider, Provider
from server.seeds import Arithmetic
from server.synthesis.fallback.breaker import Breaker
from server.utterance import Ability, Utterance, Voice

CHECK_SECONDS = 10.0
"""Timeout of a check; the slowest of our providers speaks a word in a tenth of a second."""

log = logging.getLogger(f"{LOGGER}.member")


@dataclass(slots=True, eq=False)
class ProviderState:
    """A provider of the chain, with its breaker and whether it can speak."""

    provider: Provider
    clock: Callable[[], float] = time.monotonic
    """Returns seconds."""
    breaker: Breaker = field(init=False)
    started: bool = False
    running: bool = True
    """Whether it is operational: False while its worker process restarts."""
    lost: bool = False
    """Whether it will never speak again in this process."""
    busy: int = 0
    """The number of running attempts."""
    last_success: float = float("-inf")
    """The time of its last successful attempt or check, in seconds of ``clock``."""
    _check: asyncio.Task[bool] | None = None
    """The running check, or the last one."""

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.clock)

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def available(self) -> bool:
        return self.able and self.breaker.closed

    @property
    def able(self) -> bool:
        """Whether it has started and is running, by its own reports and regardless of its breaker."""
        return self.started and self.running

    def forecast(self, utterance: Utterance, predicted: float = 0.0) -> float:
        """Returns the estimated seconds until the utterance is spoken, from the provider's pending audio and rate. The
        audio is what the provider estimates, or the ``predicted`` seconds if they are more."""
        load = self.provider.load()
        return (load.audio_seconds + max(predicted, self.provider.estimate(utterance))) / load.rate

    async def check(self) -> bool:
        """Returns whether the provider passes its own check; concurrent callers share one check."""
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._run_check())
        return await asyncio.shield(self._check)

    async def close(self) -> None:
        """Cancels the running check and closes the provider."""
        if self._check is not None:
            self._check.cancel()
        await self.provider.close()

    async def _run_check(self) -> bool:
        start = self.clock()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self.provider.check()
        except TimeoutError:
            return self.last_success > start  # busy, not broken, if another attempt succeeded meanwhile
        except SpeechError:
            return False
        except Exception:  # a bug in one provider counts as a failed check and must not end the others' checks
            log.exception("a provider's check has a mistake", extra={"provider": self.name})
            return False
        self.last_success = self.clock()
        return True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider that may speak for a voice, and the provider's own voice that it uses."""

    state: ProviderState
    voice: Voice

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.state.name

    @property
    def phonemes(self) -> Container[str] | None:
        """The phonemes that the voice can make; None if its provider takes none."""
        provider = self.state.provider
        return provider.phonemes(self.voice) if isinstance(provider, PhonemeProvider) else None

    @property
    def arithmetic(self) -> Arithmetic | None:
        """How the voice's numbers are computed; None if that is unknown."""
        provider = self.state.provider
        return provider.arithmetic(self.voice) if isinstance(provider, ArithmeticProvider) else None

    @property
    def changes_language(self) -> bool:
        """Whether it speaks parts of a text in other languages; a model that reads letters does not."""
        provider = self.state.provider
        able = Ability.LANGUAGES in provider.abilities
        return able and not (isinstance(provider, PhonemeProvider) and self.phonemes is None)

    def adapt(self, utterance: Utterance) -> Utterance:
        """Returns the utterance with this provider's voice and a language that it speaks, and without what the provider
        can't do: without the passages of its structure if it can't pause, without phonemes if it takes only letters,
        in one language if it can't change it."""
        abilities = self.state.provider.abilities
        if utterance.passages and Ability.PHONEMES not in abilities:
            passages = tuple(passage.without_phonemes() for passage in utterance.passages)
            utterance = replace(utterance, passages=passages)
        if utterance.passages and not self.changes_language:
            passages = tuple(replace(passage, runs=()) for passage in utterance.passages)
            utterance = replace(utterance, passages=passages)
        if utterance.structural and Ability.MARKUP not in abilities:
            said = any(passage.verbalizations for passage in utterance.passages)
            text = "\n".join(passage.spoken for passage in utterance.passages) if said else utterance.text
            utterance = replace(utterance, text=text, passages=(), structural=False)
        if self.voice == utterance.voice:
            return utterance
        speaks_it = utterance.language in self.voice.languages
        language = utterance.language if speaks_it else self.voice.languages[0]
        return replace(utterance, voice=self.voice, language=language)
