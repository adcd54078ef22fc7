"""The answer to POST /tts with dry_run: how long the speech would take and what it would cost, without making it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from otel.prediction.features import Prediction, Quantiles
from server.access.limiter import Permit
from server.errors import InsufficientQuota, QueueFull, ShuttingDown, SpeechError
from server.record import RequestRecord, Synthesis
from server.synthesis.synthesizer import Synthesizer
from server.telemetry.costs import Costs, ExpectedCost

DIGITS = 3
COST_DIGITS = 4
"""The significant digits of a cost, which is a small part of a cent."""


class DryRun:
    """Answers requests for a prediction."""

    def __init__(self, synthesizer: Synthesizer, costs: Costs) -> None:
        self._synthesizer = synthesizer
        self._costs = costs

    def answer(self, record: RequestRecord, synthesis: Synthesis, size: int, permit: Permit | None) -> web.Response:
        """Returns the response to a dry run. ``size`` is the estimate of the unsent bytes, ``permit`` what the client's
        limits allow. Raises NotReady and UnknownVoice, without which there is no prediction."""
        refusal: SpeechError | None = None
        try:
            self._synthesizer.rehearse(synthesis, size)
            if permit is not None:
                permit.check(synthesis.utterance.characters, synthesis.estimated_seconds)
        except (QueueFull, ShuttingDown, InsufficientQuota) as error:
            refusal = error
        prediction = synthesis.prediction
        if prediction is None:
            raise ValueError("a synthesis that was rehearsed has a prediction")
        record.dry_run = "no" if refusal is not None else "yes"
        expected = self._costs.expected(prediction.features.voice, prediction.audio_seconds)
        return web.json_response(_describe(record, prediction, refusal, expected))


def _describe(
    record: RequestRecord, prediction: Prediction, refusal: SpeechError | None, expected: ExpectedCost
) -> dict[str, Any]:
    features = prediction.features
    return {
        "admitted": refusal is None,
        "refusal": None if refusal is None else refusal.error_type,
        "retry_after": None if refusal is None else refusal.retry_after,
        "duration_seconds": _rounded(prediction.duration),
        "first_audio_seconds": _rounded(prediction.first_audio),
        "audio_seconds": round(prediction.audio_seconds, DIGITS),
        "cost": None if expected.cost is None else float(f"{expected.cost:.{COST_DIGITS}g}"),
        "currency": expected.currency,
        "predictor": str(prediction.predictor),
        "voice_name": "" if record.utterance is None else record.utterance.voice.name,
        "language": features.language,
        "words": features.words,
        "word_count_range": record.word_count_range,
        "characters": features.characters,
        "character_count_range": record.char_count_range,
    }


def _rounded(quantiles: Quantiles) -> dict[str, float]:
    return {"p50": round(quantiles.p50, DIGITS), "p95": round(quantiles.p95, DIGITS)}
