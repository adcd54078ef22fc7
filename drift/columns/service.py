"""Columns of the service: how requests are answered."""

from __future__ import annotations

from functools import partial

import numpy as np

from drift.columns.column import SHARE, SHIFTED, Column, Scale, ValueKind, either, number, ratio, text
from drift.columns.reader import NOTHING, Words
from drift.columns.requests import Requests
from otel.contract.drift_verdict import DriftColumn, Subject

_number = partial(Column, subject=Subject.SERVICE, kind=ValueKind.NUMBER, scale=Scale.RATIO, worse=1)
_category = partial(Column, subject=Subject.SERVICE, kind=ValueKind.CATEGORY, least=SHARE)


def _fallbacks(requests: Requests) -> Words:
    other = either(requests.fallback_from != NOTHING, "fallback", "first")
    return np.where(requests.provider == NOTHING, NOTHING, other)


SERVICE: tuple[Column, ...] = (
    _number(
        label=DriftColumn.LATENCY,
        title="latency",
        unit="s",
        compares="the server's own time (s), at equal length",
        requests="ended ok",
        applies=lambda requests: requests.ok,
        values=number("duration", 0, 1e6),
        sentence="speech takes {ratio} times as long as usual for the same text",
        least=ratio(1.1),
        softening=0.002,
        equal_length=True,
        tail_tested=True,
        level_tested=True,
    ),
    _number(
        label=DriftColumn.TIME_TO_FIRST_AUDIO,
        title="time to first audio",
        unit="s",
        compares="time to first audio (s), at equal length",
        requests="ended ok, streamed",
        applies=lambda requests: requests.ok & (requests.streamed == "stream"),
        values=number("time_to_first_audio", 0, 1e6),
        sentence="the first audio of a stream takes {ratio} times as long as usual for the same text",
        least=ratio(1.1),
        softening=0.002,
        equal_length=True,
        tautologies=frozenset({"streamed"}),
        tail_tested=True,
        level_tested=True,
    ),
    _number(
        label=DriftColumn.REAL_TIME_FACTOR,
        title="real time factor",
        compares="work for a second of audio, at equal length",
        requests="ended ok, audio made for them",
        applies=lambda requests: requests.synthesized,
        values=number("real_time_factor", 0, 1e6),
        sentence="a second of speech takes {ratio} times the usual work",
        least=ratio(1.1),
        softening=1e-4,
        equal_length=True,
        level_tested=True,
    ),
    _number(
        label=DriftColumn.QUEUE_WAIT,
        title="the wait in the queue",
        unit="s",
        compares="the wait in the queue (s)",
        requests="ended ok, audio made for them",
        applies=lambda requests: requests.synthesized,
        values=number("queue_wait", 0, 1e6),
        sentence="requests wait {after} in the queue instead of {before}",
        least=ratio(1.5),
        softening=0.01,
    ),
    _category(
        label=DriftColumn.ERRORS,
        title="errors",
        compares="the share that was accepted and then failed",
        requests="ended ok or in an error",
        applies=lambda requests: np.isin(requests.outcome, ("ok", "error")),
        values=text("outcome"),
        sentence="{after} of requests fail instead of {before}",
        sound="ok",
        rate="ok",
        worse=1,
        tautologies=frozenset({"provider"}),
        failure=True,
        first=True,
        share_tested=True,
    ),
    _category(
        label=DriftColumn.REJECTIONS,
        title="refusals for want of room",
        compares="the share that was refused for lack of capacity: status 429, or 500 and more",
        requests="all but cancelled and invalid ones",
        applies=lambda requests: requests.ended & (requests.outcome != "cancelled") & ~requests.invalid,
        values=lambda requests: either(requests.no_room, "refused", "admitted"),
        sentence="{after} of requests are refused for want of room instead of {before}",
        sound="admitted",
        rate="admitted",
        worse=1,
        tautologies=frozenset({"provider", "cache"}),
        failure=True,
        first=True,
    ),
    _category(
        label=DriftColumn.FALLBACKS,
        title="fallbacks",
        compares="the share that a provider other than the first one spoke",
        requests="ended ok, audio made for them",
        applies=lambda requests: requests.synthesized,
        values=_fallbacks,
        sentence="{after} of requests are spoken by another provider than planned, instead of {before}",
        sound="first",
        rate="first",
        worse=1,
        tautologies=frozenset({"provider"}),
    ),
    _category(
        label=DriftColumn.PROVIDER,
        title="who speaks",
        compares="the share of each provider",
        requests="ended ok, audio made for them",
        applies=lambda requests: requests.synthesized,
        values=text("provider"),
        sentence=SHIFTED,
        tautologies=frozenset({"provider"}),
    ),
)
