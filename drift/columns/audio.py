"""Columns of audio: how the speech sounds."""

from __future__ import annotations

from functools import partial

import numpy as np

from drift.columns.column import SHARE, Column, Scale, ValueKind, levels, number, ratio
from drift.columns.reader import Words
from drift.columns.requests import Requests
from otel.contract.drift_verdict import DriftColumn, Subject
from otel.contract.values import CLIPPED_SHARE

_number = partial(
    Column,
    subject=Subject.AUDIO,
    kind=ValueKind.NUMBER,
    applies=lambda requests: requests.synthesized,
    equal_length=True,
)
_category = partial(
    Column,
    subject=Subject.AUDIO,
    kind=ValueKind.CATEGORY,
    applies=lambda requests: requests.synthesized,
    least=SHARE,
    sound="none",
    rate="none",
    worse=1,
)


def _first_fault(requests: Requests) -> Words:
    """The first of the faults that a clip has; "none" for a clip without any."""
    faults = requests.text("audio_faults")
    return np.asarray([fault.split(",", 1)[0].strip() or "none" for fault in faults], dtype=object)


AUDIO: tuple[Column, ...] = (
    _number(
        label=DriftColumn.SECONDS_PER_CHARACTER,
        title="audio per character",
        unit="s",
        compares="audio per character (s), the pace of the speech, at equal length",
        requests="ended ok, audio made for them",
        values=number("seconds_per_character", 0, 1e4),
        sentence="the same text is spoken in {ratio} times the usual time",
        least=ratio(1.03),
        scale=Scale.RATIO,
        softening=1e-4,
    ),
    _number(
        label=DriftColumn.LOUDNESS,
        title="loudness",
        unit="dB",
        compares="loudness (dB), at equal length",
        requests="ended ok, audio made for them",
        values=number("loudness", -400, 100),
        sentence="speech is {difference} {louder}",
        least=0.5,
    ),
    _number(
        label=DriftColumn.SILENCE_SHARE,
        title="silence",
        unit="share",
        compares="the quiet share of the clip, at equal length",
        requests="ended ok, audio made for them",
        values=number("silence_share", 0, 1),
        sentence="{after} of a clip is quiet instead of {before}",
        least=0.02,
    ),
    _category(
        label=DriftColumn.CLIPPING_SHARE,
        title="clipping",
        compares="samples at full scale: none, some, or distorted (over 1 in 1,000)",
        requests="ended ok, audio made for them",
        values=lambda requests: levels(
            requests.clipping_share, (0.0, CLIPPED_SHARE), ("none", "some", "distorted"), right=True
        ),
        sentence="{after} of clips have samples at full scale instead of {before}",
    ),
    _category(
        label=DriftColumn.AUDIO_FAULTS,
        title="faulty clips",
        compares="the first fault found in the clip",
        requests="ended ok, audio made for them",
        values=_first_fault,
        sentence="{after} of clips are faulty instead of {before}",
    ),
    _number(
        label=DriftColumn.WORD_ERROR_RATE,
        title="word error rate",
        unit="share",
        compares="the word error rate of the clip, as a speech recogniser hears it, at equal length",
        requests="ended ok, audio made for them and recognised",
        applies=lambda requests: requests.synthesized & ~np.isnan(requests.number("word_error_rate", 0, 100)),
        values=number("word_error_rate", 0, 100),
        sentence="{after} of the words are not heard as written instead of {before}",
        least=0.03,
        worse=1,
    ),
)
