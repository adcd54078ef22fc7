"""Columns of traffic: what callers ask for."""

from __future__ import annotations

from functools import partial

from drift.columns.column import SHARE, SHIFTED, Column, Scale, ValueKind, either, levels, number, ratio, text
from drift.columns.reader import NOTHING
from otel.contract.drift_verdict import DriftColumn, Subject

_category = partial(Column, subject=Subject.TRAFFIC, kind=ValueKind.CATEGORY, least=SHARE, sentence=SHIFTED)

TRAFFIC: tuple[Column, ...] = (
    Column(
        label=DriftColumn.WORDS,
        subject=Subject.TRAFFIC,
        kind=ValueKind.NUMBER,
        title="words",
        unit="words",
        compares="words of the text",
        requests="all that named a voice",
        applies=lambda requests: requests.named,
        values=number("words", 0, 1e7),
        sentence="texts are {ratio} times as long as usual ({after} words instead of {before})",
        least=ratio(1.1),
        scale=Scale.RATIO,
        softening=1.0,
        tautologies=frozenset({"word_range"}),
    ),
    _category(
        label=DriftColumn.VOICE,
        title="the voices asked for",
        compares="the share of each voice",
        requests="all that named a voice",
        applies=lambda requests: requests.named | requests.ok,
        values=text("voice"),
        tautologies=frozenset({"voice", "language", "provider"}),
    ),
    _category(
        label=DriftColumn.LANGUAGE,
        title="the languages asked for",
        compares="the share of each language",
        requests="all that named a voice",
        applies=lambda requests: requests.named,
        values=text("language"),
        tautologies=frozenset({"voice", "language", "provider"}),
    ),
    _category(
        label=DriftColumn.ENDPOINT,
        title="the calls made",
        compares="the share of each path",
        requests="all",
        applies=lambda requests: requests.every,
        values=text("endpoint"),
        tautologies=frozenset({"endpoint"}),
    ),
    _category(
        label=DriftColumn.STREAMED,
        title="streaming",
        compares="streamed or non-streamed",
        requests="all that named a voice",
        applies=lambda requests: requests.named,
        values=text("streamed"),
        tautologies=frozenset({"streamed"}),
    ),
    _category(
        label=DriftColumn.SPEED,
        title="the pace asked for",
        compares="slower than the voice's own pace, its own, or faster",
        requests="all that named a voice",
        applies=lambda requests: requests.named,
        values=lambda requests: levels(requests.speed, (0.99, 1.01), ("slower", "own", "faster")),
    ),
    _category(
        label=DriftColumn.CACHE,
        title="the cache's results",
        compares="hit, miss, coalesced, bypass",
        requests="all that reached a synthesis or a hit",
        applies=lambda requests: requests.cache != NOTHING,
        values=text("cache"),
        rate="hit",
        tautologies=frozenset({"cache", "provider"}),
    ),
    _category(
        label=DriftColumn.INVALID_REQUESTS,
        title="requests refused for what they ask",
        compares="the share that was refused with a status of 400 to 499 other than 429",
        requests="all",
        applies=lambda requests: requests.ended,
        values=lambda requests: either(requests.invalid, "invalid", "valid"),
        sentence="{after} of requests are refused for what they ask instead of {before}",
        sound="valid",
        rate="valid",
        worse=1,
        tautologies=frozenset({"provider", "cache", "voice", "language"}),
        failure=True,
    ),
)
