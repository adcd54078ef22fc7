"""Why a slow request was slow: what it spent beyond the usual of its word range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otel.contract.values import SlowReason, Stage
from server.record import RequestRecord

WEIGHT = 0.05
"""The weight of the newest request in the running means: the last twenty or so count."""
LONG_TEXT_RATIO = 1.25
"""Times the usual seconds of audio: above it, the text is the reason."""
PADDING_SHARE = 0.5
"""The share of a request's work: above it, padding to the longer requests of its batches is the reason."""
VAIN_SHARE = 0.25
"""The share of a request's duration: above it, attempts that failed before another provider spoke are the reason."""
SLOW_READING = 1.0
"""Seconds below which no client is called slow."""


@dataclass(slots=True)
class _Usual:
    """Running means of one word range: seconds of each stage, and of audio."""

    stages: dict[Stage, float] = field(default_factory=dict)
    audio: float | None = None


class Slowness:
    """Learns what is usual from every request that ended ok; bounded by the number of ranges and voices."""

    def __init__(self) -> None:
        self._usual: dict[str, _Usual] = {}
        self._warm_voices: set[str] = set()

    def learn(self, record: RequestRecord) -> None:
        """Takes a finished request into the means. Call it after ``reason``."""
        usual = self._usual.setdefault(record.word_count_range, _Usual())
        for stage, seconds in record.stage_seconds().items():
            usual.stages[stage] = _mean(usual.stages.get(stage), seconds)
        usual.audio = _mean(usual.audio, record.audio_seconds)
        if record.utterance is not None:
            self._warm_voices.add(record.utterance.voice.label)

    def reason(self, record: RequestRecord, slow: bool) -> SlowReason | None:
        """What cost ``record`` most beyond the usual of its range, if it was ``slow`` for that.

        A client that takes longer to take the audio than to play it is slow whatever the server did, and so is one that
        was cut off for it.
        """
        if record.cut_off:
            return SlowReason.SLOW_CLIENT
        if not slow:
            reading = record.stage_seconds().get(Stage.SEND, 0.0)
            return SlowReason.SLOW_CLIENT if reading > max(SLOW_READING, record.audio_seconds) else None
        if record.utterance is not None and record.utterance.voice.label not in self._warm_voices:
            return SlowReason.COLD_MODEL
        if record.source is not None and record.source.vain_seconds > VAIN_SHARE * (record.duration or 0.0):
            return SlowReason.FALLBACK
        return _costliest(record, self._usual.get(record.word_count_range, _Usual()))


def _costliest(record: RequestRecord, usual: _Usual) -> SlowReason:
    """Returns the reason that cost a slow request most beyond the usual."""
    excess = _excess(record.stage_seconds(), usual.stages)
    excess.pop(Stage.SEND, None)  # not part of the duration
    match max(excess, key=lambda stage: excess[stage], default=None):
        case Stage.QUEUE:
            return SlowReason.QUEUE
        case Stage.ENCODE:
            return SlowReason.ENCODE
        case Stage.INFER | Stage.DECODE if record.padding > PADDING_SHARE * record.work:
            return SlowReason.PADDING
        case Stage.INFER | Stage.DECODE if record.audio_seconds > LONG_TEXT_RATIO * (usual.audio or float("inf")):
            return SlowReason.LONG_TEXT
        case _:
            return SlowReason.OTHER


def _excess(stages: Mapping[Stage, float], usual: Mapping[Stage, float]) -> dict[Stage, float]:
    return {stage: seconds - usual.get(stage, 0.0) for stage, seconds in stages.items()}


def _mean(before: float | None, newest: float) -> float:
    return newest if before is None else before + WEIGHT * (newest - before)
