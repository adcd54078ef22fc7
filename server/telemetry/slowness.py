"""Finds why a slow request was slow: the stage that took most beyond the mean of its word range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otel.contract.values import SlowReason, Stage
from server.record import RequestRecord

WEIGHT = 0.05
"""The weight of the newest request in the running means, which average over about the last twenty."""
LONG_TEXT_RATIO = 1.25
"""Multiple of the mean seconds of audio above which the text's length is the reason."""
PADDING_SHARE = 0.5
"""Share of a request's work above which padding to longer requests in its batches is the reason."""
VAIN_SHARE = 0.25
"""Share of a request's duration above which failed attempts before a fallback are the reason."""
SLOW_READING = 1.0
"""Seconds of sending up to which a client never counts as slow."""


@dataclass(slots=True)
class _Usual:
    """Running means of one word range: seconds of each stage, and of audio."""

    stages: dict[Stage, float] = field(default_factory=dict)
    audio: float | None = None


class Slowness:
    """Learns running means from every successful request; memory is bounded by the number of ranges and voices."""

    def __init__(self) -> None:
        self._usual: dict[str, _Usual] = {}
        self._warm_voices: set[str] = set()

    def learn(self, record: RequestRecord) -> None:
        """Adds a finished request to the means. Call it after ``reason``."""
        usual = self._usual.setdefault(record.word_count_range, _Usual())
        for stage, seconds in record.stage_seconds().items():
            usual.stages[stage] = _mean(usual.stages.get(stage), seconds)
        usual.audio = _mean(usual.audio, record.audio_seconds)
        if record.utterance is not None:
            self._warm_voices.add(record.utterance.voice.label)

    def reason(self, record: RequestRecord, slow: bool) -> SlowReason | None:
        """Returns what cost ``record`` most beyond the mean of its range, or None if it was not ``slow`` for its range.

        A client that takes longer to read the audio than to play it is always slow, and so is a client that was cut off
        for slow reading.
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
    """Returns the reason that cost a slow request most beyond the means."""
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
