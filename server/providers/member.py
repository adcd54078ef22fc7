"""A provider of the chain and how it fares, and who may speak for a voice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from server.providers.breaker import Breaker
from server.providers.provider import Provider
from server.speech import Utterance, Voice


@dataclass(slots=True, eq=False)
class Member:
    """A provider of the chain, and how it fares."""

    provider: Provider
    breaker: Breaker = field(default_factory=Breaker)
    started: bool = False
    busy: int = 0
    """Attempts under way."""
    spoke: float = float("-inf")
    """When it last spoke or was checked, in seconds of ``time.monotonic``."""

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def available(self) -> bool:
        return self.started and self.breaker.closed

    def forecast(self, utterance: Utterance) -> float:
        """Seconds until the utterance is spoken, by what waits and its pace."""
        load = self.provider.load()
        return (load.audio_seconds + self.provider.estimate(utterance)) / load.rate


@dataclass(frozen=True, slots=True)
class Choice:
    """Who may speak for a voice, and with which of its own."""

    member: Member
    voice: Voice

    def put(self, utterance: Utterance) -> Utterance:
        """The utterance in the words of this provider."""
        if self.voice == utterance.voice:
            return utterance
        spoken = utterance.language in self.voice.languages
        language = utterance.language if spoken else self.voice.languages[0]
        return replace(utterance, voice=self.voice, language=language)
