"""What a sandboxed process runs: recognises a clip and compares it with the words of its text.

Neither the clip nor what was heard leaves the process; its answer is the edits alone.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from server.sandbox import wire
from server.verification.backends import BACKENDS, Backend, hear
from server.verification.recognisers import installed
from server.verification.spoken_words import spoken_words
from server.verification.word_errors import compare


def prepare() -> None:
    """Loads the libraries, before the processes are forked."""
    import soxr  # noqa: F401

    recogniser = installed()
    for package in recogniser.packages if recogniser else ():
        __import__(package)
    spoken_words("It is 5 o'clock.")  # the rules are compiled once


def handle(request: wire.Message, payload: bytes) -> tuple[wire.Message, bytes]:
    """Returns the edits between the words of ``request["said"]`` and those heard in the samples of ``payload``."""
    samples = np.frombuffer(payload, np.float32)
    heard = spoken_words(hear(_backend(), samples, int(request["sample_rate"])))
    return {"edits": list(compare([str(word) for word in request["said"]], heard).edits)}, b""


@cache
def _backend() -> Backend:
    """Raises LookupError when no recogniser is installed."""
    recogniser = installed()
    if recogniser is None:
        raise LookupError("no recogniser is installed")
    return BACKENDS[recogniser]()
