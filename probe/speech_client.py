"""Asks a server for speech over HTTP, as a client does, and times the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import requests

from otel.support.api_key import authorization
from server.utterance import Samples

SAMPLE_RATE = 24_000
"""Hz of the response format pcm."""
PIECE_BYTES = 4096


class ProbeFailed(Exception):
    """The server did not answer with speech; the message says why, without a text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Speech as a client receives it."""

    samples: Samples
    """Mono, at SAMPLE_RATE, shape (samples,)."""
    first_audio_seconds: float
    """The time from the request to the first audio."""
    seconds: float
    """The time from the request to the last byte."""


class SpeechClient:
    """Sends requests one after the other over one connection, with the key of TTSCOPE_API_KEY."""

    def __init__(self, url: str, timeout: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """``timeout`` is the time in seconds for the server to send anything."""
        self._url = url
        self._timeout = timeout
        self._clock = clock
        self._session = requests.Session()
        self._session.trust_env = False  # neither proxies nor .netrc

    def voices(self) -> dict[str, list[str]]:
        """Returns the languages of each voice that the key may use. Raises ProbeFailed."""
        try:
            answer = self._session.get(f"{self._url}/v1/audio/voices", headers=authorization(), timeout=self._timeout)
            answer.raise_for_status()
            return {str(voice["id"]): [str(each) for each in voice["languages"]] for voice in answer.json()["voices"]}
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise ProbeFailed(_reason(error)) from None

    def speak(self, text: str, voice: str) -> Answer:
        """Returns the speech of a text as a stream that is made for this request alone. Raises ProbeFailed."""
        body: dict[str, Any] = {
            "text": text,
            "voice_name": voice,
            "response_format": "pcm",
            "stream": True,
            "cache": False,
        }
        first, data, begun = 0.0, bytearray(), self._clock()
        try:
            with self._session.post(
                f"{self._url}/tts", json=body, headers=authorization(), timeout=self._timeout, stream=True
            ) as answer:
                answer.raise_for_status()
                for piece in answer.iter_content(PIECE_BYTES):
                    first = first or self._clock()
                    data += piece
        except requests.RequestException as error:
            raise ProbeFailed(_reason(error)) from None
        if len(data) < 2:
            raise ProbeFailed("the answer is empty")
        samples = np.frombuffer(bytes(data[: len(data) // 2 * 2]), "<i2").astype(np.float32) / np.float32(32768)
        return Answer(samples, first - begun, self._clock() - begun)


def _reason(error: Exception) -> str:
    """Returns what went wrong: the status, or the kind of error, whose message could have an address."""
    response = getattr(error, "response", None)
    return f"status {response.status_code}" if response is not None else type(error).__name__
