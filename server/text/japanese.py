"""Japanese text to phonemes, by Open JTalk in a process of its own."""

from __future__ import annotations

from functools import cache

from server.errors import EngineFailed, UnspeakableText
from server.sandbox.limits import SandboxLimits
from server.sandbox.pool import SandboxPool, WorkerCrashed, WorkerLost
from server.text.phonemes import WORKER

LIMITS = SandboxLimits(memory_bytes=1024**3, cpu_seconds=5, seconds=20.0)


@cache
def pool() -> SandboxPool:
    """Returns the process that reads Japanese. It is started when it is first asked: few servers speak Japanese."""
    return SandboxPool(WORKER, "server.text.open_jtalk", 1, LIMITS)


def phonemize(text: str) -> str:
    """Returns a character for each phoneme of ``text``.

    Raises UnspeakableText when Open JTalk ends on the text, and EngineFailed when no process of it can be had.
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
