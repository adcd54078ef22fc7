"""Recognises clips in sandboxed processes, and says which clips can be recognised at all."""

from __future__ import annotations

from functools import cache

import numpy as np

from otel.contract.values import WorkerKind
from server.errors import ComponentError
from server.sandbox.limits import SandboxLimits
from server.sandbox.pool import SandboxPool, WorkerCrashed, WorkerLost
from server.utterance import Samples, Utterance
from server.verification.spoken_words import utterance_words
from server.verification.word_errors import Edit, WordErrors

LIMITS = SandboxLimits(memory_bytes=3 * 1024**3, cpu_seconds=120, seconds=120.0)
"""The limits of a clip before it is sent: 10 s of speech take 0.6 s of a core with Whisper, 5 minutes 25 s."""
PATIENT_LIMITS = SandboxLimits(memory_bytes=3 * 1024**3, cpu_seconds=120, seconds=3600.0)
"""The limits of a clip beside the requests, whose process waits while the machine is busy."""
LANGUAGE = "en"
"""The language of the recognisers."""
PACES = (0.7, 1.5)
"""The speeds at which speech is understood as well as at speed 1."""


class RecognitionFailed(ComponentError):
    """The process that recognises has ended, or can't be started."""


@cache
def pool() -> SandboxPool:
    """Returns the process for clips that a request waits for."""
    return SandboxPool(WorkerKind.RECOGNITION, "server.verification.recogniser", 1, LIMITS)


@cache
def patient_pool() -> SandboxPool:
    """Returns the process for clips that nobody waits for, which has the lowest priority."""
    return SandboxPool(WorkerKind.RECOGNITION, "server.verification.patient_recogniser", 1, PATIENT_LIMITS)


def obstacle(utterance: Utterance) -> str | None:
    """Returns why the words of an utterance can't be recognised; None if they can."""
    if any(language.partition("-")[0] != LANGUAGE for language in utterance.languages):
        return "only English can be recognised"
    slowest, fastest = utterance.speeds
    if slowest < PACES[0] or fastest > PACES[1]:
        return f"only speech at a speed from {PACES[0]:g} to {PACES[1]:g} can be recognised"
    if any(each.needs_ipa for each in utterance.verbalizations):
        return "words that are given as phonemes can't be recognised"
    return None


def recognise(utterance: Utterance, samples: Samples, sample_rate: int, *, patiently: bool = False) -> WordErrors:
    """Returns the word errors of a clip, mono, shape (samples,). Blocks until a process has recognised it.

    ``patiently`` leaves it to the process of the lowest priority. Raises RecognitionFailed.
    """
    said = utterance_words(utterance)
    payload = np.ascontiguousarray(samples, np.float32).data.cast("B")
    try:
        answer = (patient_pool() if patiently else pool()).ask({"said": said, "sample_rate": sample_rate}, payload)
    except (WorkerCrashed, WorkerLost) as error:
        raise RecognitionFailed("no process can recognise speech") from error
    if "error" in answer.message:
        raise RecognitionFailed(f"the recogniser failed with {answer.message['error']}")
    return WordErrors(len(said), tuple(Edit(edit) for edit in answer.message["edits"]))
