"""The JSON response of speech with word timestamps, in Kokoro-FastAPI's format."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence

from server.utterance import Word

CONTENT_TYPE = "application/json"
Captions = Callable[[Sequence[bytes], str, Sequence[Word]], bytes]
"""Returns a body of JSON with the pieces of the audio, the name of their format, and the words."""


def timestamp(word: Word) -> dict[str, str | float]:
    """Returns a word as the client wrote it, with its start and end in seconds from the start of the audio."""
    return {"word": word.written, "start_time": round(word.start, 3), "end_time": round(word.end, 3)}


def body(audio: Sequence[bytes], audio_format: str, words: Sequence[Word]) -> bytes:
    """Returns the complete response body, in UTF-8."""
    answer = {
        "audio": base64.b64encode(b"".join(audio)).decode(),
        "audio_format": audio_format,
        "timestamps": [timestamp(word) for word in words],
    }
    return json.dumps(answer).encode()
