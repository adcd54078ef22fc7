"""Converts Japanese text to phonemes with Open JTalk, in a separate process."""

from __future__ import annotations

from functools import cache

from server.errors import EngineFailed, UnspeakableText
from server.sandbox.limits import SandboxLimits
from server.sandbox.pool import SandboxPool, WorkerCrashed, WorkerLost
from server.text.phonemes import WORKER

LIMITS = SandboxLimits(memory_bytes=1024**3, cpu_seconds=5, seconds=20.0)


@cache
def pool() -> SandboxPool:
    """Returns the process that reads Japanese. It starts on first use, since few servers speak Japanese."""
    return SandboxPool(WORKER, "server.text.open_jtalk", 1, LIMITS)


def phonemize(text: str) -> str:
    """Returns a character for each phoneme of ``text``.

    Raises UnspeakableText when the text ends the process of Open JTalk, and EngineFailed when no process is available.
    """
    try:
        answer = pool().ask({"text": text}).message
    except WorkerCrashed:
        answer = {}
    except WorkerLost as error:
        raise EngineFailed("no process can read Japanese") from error
    if "phonemes" not in answer:
        raise UnspeakableText("the text can't be turned into phonemes", param="text")
    return str(answer["phonemes"])
