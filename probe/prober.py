"""Probes each voice: has sentences spoken, recognises and rates them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from otel.contract.recognition_values import MosAspect, ProbeResult
from probe import rating
from probe.sentences import COUNT, FIXED, generated
from probe.settings import ALL
from probe.speech_client import SAMPLE_RATE, Answer, ProbeFailed, SpeechClient
from server.verification.backends import BACKENDS, Backend, hear
from server.verification.recognisers import installed, is_sound
from server.verification.spoken_words import spoken_words
from server.verification.word_errors import compare


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of one request."""

    voice: str
    result: ProbeResult
    reason: str = ""
    """Why it failed."""
    first_audio_seconds: float | None = None
    seconds: float | None = None
    word_error_rate: float | None = None
    """None if it was not recognised."""
    scores: dict[MosAspect, float] = field(default_factory=dict)
    """Empty if it was not rated."""

    @property
    def failed(self) -> bool:
        """Whether a client would complain."""
        return self.result in (ProbeResult.FAILED, ProbeResult.MISUNDERSTOOD)

    def summary(self) -> dict[str, Any]:
        """Returns the probe as JSON."""
        return {
            "voice": self.voice,
            "result": str(self.result),
            **({"reason": self.reason} if self.reason else {}),
            **{
                name: round(value, 3)
                for name in ("first_audio_seconds", "seconds", "word_error_rate")
                if (value := getattr(self, name)) is not None
            },
            **{f"mos_{aspect}": round(score, 2) for aspect, score in self.scores.items()},
        }


class Prober:
    """Makes rounds of requests, with other sentences in each. Only English is recognised."""

    clock = staticmethod(time.monotonic)

    def __init__(self, client: SpeechClient, voices: Sequence[str], seed: int) -> None:
        """``voices`` are names, or ALL. The sentences depend on ``seed`` and the number of the round."""
        self._client = client
        self._voices = voices
        self._seed = seed
        self._rounds = 0
        recogniser = installed()
        self._backend: Backend | None = BACKENDS[recogniser]() if recogniser is not None else None

    def round(self) -> Iterator[Probe]:
        """Yields the probes of all voices: a fixed sentence and a generated one for each."""
        number, self._rounds = self._rounds, self._rounds + 1
        try:
            offered = self._client.voices()
        except ProbeFailed as error:
            names = [name for name in self._voices if name != ALL]
            yield from (Probe(name, ProbeResult.FAILED, str(error)) for name in names)
            return
        for name in offered if ALL in self._voices else self._voices:
            if name not in offered:
                yield Probe(name, ProbeResult.FAILED, "the server does not offer this voice to this key")
                continue
            rng = random.Random(f"{self._seed} {number} {name}")  # noqa: S311 - it chooses words
            english = offered[name][0].partition("-")[0] == "en"
            for text in (FIXED[number % len(FIXED)], generated(rng)) if english else (COUNT,):
                yield self._probe(name, text, recognise=english)

    def _probe(self, voice: str, text: str, *, recognise: bool) -> Probe:
        try:
            answer = self._client.speak(text, voice)
        except ProbeFailed as error:
            return Probe(voice, ProbeResult.FAILED, str(error))
        rate, result = self._heard(answer, text) if recognise else (None, ProbeResult.NOT_RECOGNISED)
        return Probe(
            voice,
            result,
            first_audio_seconds=answer.first_audio_seconds,
            seconds=answer.seconds,
            word_error_rate=rate,
            scores=rating.rate(answer.samples, SAMPLE_RATE) if rating.available() else {},
        )

    def _heard(self, answer: Answer, text: str) -> tuple[float | None, ProbeResult]:
        """Returns the word error rate, and whether the speech was understood."""
        if self._backend is None:
            return None, ProbeResult.NOT_RECOGNISED
        errors = compare(spoken_words(text), spoken_words(hear(self._backend, answer.samples, SAMPLE_RATE)))
        return errors.rate, ProbeResult.UNDERSTOOD if is_sound(errors) else ProbeResult.MISUNDERSTOOD
