"""The values of labels of what recognisers hear, in clips of users and in those of the prober."""

from __future__ import annotations

from otel.contract.values import LabelValue

PROBE_CLIENT = "probe"
"""The name of the prober's key, by which its requests are told from those of users: the drift job leaves them out."""


class RecognitionResult(LabelValue):
    """What became of a clip that was chosen to be recognised beside its request."""

    RECOGNISED = "recognised", "its word error rate was measured"
    LATE = "late", "it was recognised more than a minute after its request; its word error rate is not reported"
    DROPPED = "dropped", "too many clips were waiting"
    FAILED = "failed", "the recogniser failed"


class VerificationResult(LabelValue):
    """What the recogniser heard in the clip of a request that asks for it."""

    PASSED = "passed", "the first clip says the words of its text"
    CORRECTED = "corrected", "words were missing or added, and a clip that was made again says them"
    FAILED = "failed", "words are missing or added in every clip; the best of them was sent"
    UNVERIFIED = "unverified", "the recogniser failed; the clip was sent as it is"


class ProbeResult(LabelValue):
    """What the prober heard."""

    UNDERSTOOD = "understood", "the words of the sentence"
    MISUNDERSTOOD = "misunderstood", "speech in which words are missing or added, or noise"
    NOT_RECOGNISED = "not_recognised", "speech; no recogniser is installed, or it does not know the language"
    FAILED = "failed", "nothing: the request failed"


class MosAspect(LabelValue):
    """What a mean opinion score is about."""

    SIGNAL = "signal", "the speech itself"
    BACKGROUND = "background", "noise behind the speech; a clip without noise has a high score"
    OVERALL = "overall", "both together"
