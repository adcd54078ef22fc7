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
        help="The words of a text. All requests that named a voice.",
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
        help="The share of each voice. All requests that named one.",
        applies=lambda requests: requests.named | requests.ok,
        values=text("voice"),
        tautologies=frozenset({"voice", "language", "provider"}),
    ),
    _category(
        label=DriftColumn.LANGUAGE,
        title="the languages asked for",
        help="The share of each language. All requests that named a voice.",
        applies=lambda requests: requests.named,
        values=text("language"),
        tautologies=frozenset({"voice", "language", "provider"}),
    ),
    _category(
        label=DriftColumn.ENDPOINT,
        title="the calls made",
        help="The share of each path. All requests.",
        applies=lambda requests: requests.every,
        values=text("endpoint"),
        tautologies=frozenset({"endpoint"}),
    ),
    _category(
        label=DriftColumn.STREAMED,
        title="streaming",
        help="Whether audio was asked for as it comes (stream) or whole. All requests that named a voice.",
        applies=lambda requests: requests.named,
        values=text("streamed"),
        tautologies=frozenset({"streamed"}),
    ),
    _category(
        label=DriftColumn.SPEED,
        title="the pace asked for",
        help="Slower than the voice's own pace, its own, or faster. All requests that named a voice.",
        applies=lambda requests: requests.named,
        values=lambda requests: levels(requests.speed, (0.99, 1.01), ("slower", "own", "faster")),
    ),
    _category(
        label=DriftColumn.CACHE,
        title="the cache's results",
        help="Hit, miss, coalesced, bypass. All requests that came to a synthesis or a hit.",
        applies=lambda requests: requests.cache != NOTHING,
        values=text("cache"),
        tautologies=frozenset({"cache", "provider"}),
    ),
    _category(
        label=DriftColumn.INVALID_REQUESTS,
        title="requests refused for what they ask",
        help="Refused with a status of 400 to 499 that is not 429. All requests.",
        applies=lambda requests: requests.ended,
        values=lambda requests: either(requests.invalid, "invalid", "valid"),
        sentence="{after} of requests are refused for what they ask instead of {before}",
        sound="valid",
        worse=1,
        tautologies=frozenset({"provider", "cache", "voice", "language"}),
        failure=True,
    ),
)
