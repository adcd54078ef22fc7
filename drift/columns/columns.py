"""What is judged: the columns, what each says of traffic, service or audio, and the least change that matters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Subject(StrEnum):
    """Whose change it is."""

    TRAFFIC = "traffic"
    """What is asked for: the callers'."""
    SERVICE = "service"
    """How it is answered: ours."""
    AUDIO = "audio"
    """What is heard: ours, or a voice's."""


class ValueKind(StrEnum):
    """What a column's values are."""

    NUMBER = "number"
    CATEGORY = "category"


class Scale(StrEnum):
    """In what unit two values of a number are compared."""

    RATIO = "ratio"
    """As decimal logarithms: 0.3 more is twice as much. For what has a long tail, which would else be all there is."""
    DIFFERENCE = "difference"
    """As it is."""


SHARE = 0.05
"""The Jensen-Shannon distance that matters at least: 7 in 1,000 of something never seen, or 50 % that become 57 %."""


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that is judged; ``name`` is the gauges' label ``column``."""

    name: str
    subject: Subject
    kind: ValueKind
    title: str
    """As it is called in a sentence."""
    unit: str
    help: str
    """Which requests count, and what is compared."""
    fields: tuple[str, ...]
    """Of a row: without one of these there is nothing to judge."""
    least: float
    """A change below it matters to nobody: of a number in its scale's unit, of a category a Jensen-Shannon distance."""
    scale: Scale = Scale.DIFFERENCE
    softening: float = 0.0
    """Added before the logarithm: differences far below it count for nothing."""
    equal_length: bool = False
    """Whether a value is compared with the usual one of its text's length, its voice, and the way it was answered."""
    sound: str | None = None
    """The level of a category that is as it should be: the share of all others says how bad it is. None when no level
    is better than another."""
    worse: int = 0
    """1 when more of the number, or of what is not sound, is worse; 0 when any change is just a change."""


def _ratio(times: float) -> float:
    return math.log10(times)


COLUMNS: tuple[Column, ...] = (
    Column(
        "words",
        Subject.TRAFFIC,
        ValueKind.NUMBER,
        "words",
        "words",
        "The words of a text. All requests that named a voice.",
        ("words",),
        _ratio(1.1),
        Scale.RATIO,
        softening=1.0,
    ),
    Column(
        "voice",
        Subject.TRAFFIC,
        ValueKind.CATEGORY,
        "the voices asked for",
        "",
        "The share of each voice. All requests that named one.",
        ("voice",),
        SHARE,
    ),
    Column(
        "language",
        Subject.TRAFFIC,
        ValueKind.CATEGORY,
        "the languages asked for",
        "",
        "The share of each language. All requests that named a voice.",
        ("language",),
        SHARE,
    ),
    Column(
        "endpoint",
        Subject.TRAFFIC,
        ValueKind.CATEGORY,
        "the calls made",
        "",
        "The share of each path. All requests.",
        ("endpoint",),
        SHARE,
    ),
    Column(
        "streamed",
        Subject.TRAFFIC,
        ValueKind.CATEGORY,
        "streaming",
        "",
        "Whether audio was asked for as it comes (stream) or whole. All requests that named a voice.",
        ("streamed",),
        SHARE,
    ),
    Column(
        "speed",
        Subject.TRAFFIC,
        ValueKind.CATEGORY,
        "the pace asked for",
        "",
        "Slower than the voice's own pace, its own, or faster. All requests that named a voice.",
        ("speed",),
        SHARE,
    ),
    Column(
        "cache",
        Subject.TRAFFIC,
        ValueKind.CATEGORY,
        "the cache's results",
        "",
        "Hit, miss, coalesced, bypass. All requests that came to a synthesis or a hit.",
        ("cache",),
        SHARE,
    ),
    Column(
        "invalid_requests",
        Subject.TRAFFIC,
        ValueKind.CATEGORY,
        "requests refused for what they ask",
        "",
        "Refused with a status of 400 to 499 that is not 429. All requests.",
        ("outcome", "status"),
        SHARE,
        sound="valid",
        worse=1,
    ),
    Column(
        "latency",
        Subject.SERVICE,
        ValueKind.NUMBER,
        "latency",
        "s",
        "The server's own time, at equal length. Requests that ended ok.",
        ("duration",),
        _ratio(1.1),
        Scale.RATIO,
        softening=0.002,
        equal_length=True,
        worse=1,
    ),
    Column(
        "time_to_first_audio",
        Subject.SERVICE,
        ValueKind.NUMBER,
        "time to first audio",
        "s",
        "At equal length. Streamed requests that ended ok.",
        ("time_to_first_audio",),
        _ratio(1.1),
        Scale.RATIO,
        softening=0.002,
        equal_length=True,
        worse=1,
    ),
    Column(
        "real_time_factor",
        Subject.SERVICE,
        ValueKind.NUMBER,
        "real time factor",
        "",
        "Work for a second of audio, at equal length. Requests that ended ok and whose audio was made for them.",
        ("real_time_factor",),
        _ratio(1.1),
        Scale.RATIO,
        softening=1e-4,
        equal_length=True,
        worse=1,
    ),
    Column(
        "queue_wait",
        Subject.SERVICE,
        ValueKind.NUMBER,
        "the wait in the queue",
        "s",
        "Requests that ended ok and whose audio was made for them.",
        ("queue_wait",),
        _ratio(1.5),
        Scale.RATIO,
        softening=0.01,
        worse=1,
    ),
    Column(
        "errors",
        Subject.SERVICE,
        ValueKind.CATEGORY,
        "errors",
        "",
        "Accepted, then failed. Requests that ended ok or in an error.",
        ("outcome",),
        SHARE,
        sound="ok",
        worse=1,
    ),
    Column(
        "rejections",
        Subject.SERVICE,
        ValueKind.CATEGORY,
        "refusals for want of room",
        "",
        "Refused with status 429 or 500 and more. All requests but cancelled ones and those refused for what they ask.",
        ("outcome", "status"),
        SHARE,
        sound="admitted",
        worse=1,
    ),
    Column(
        "fallbacks",
        Subject.SERVICE,
        ValueKind.CATEGORY,
        "fallbacks",
        "",
        "Somebody else spoke than who was to speak. Requests that ended ok and whose audio was made for them.",
        ("provider",),
        SHARE,
        sound="first",
        worse=1,
    ),
    Column(
        "provider",
        Subject.SERVICE,
        ValueKind.CATEGORY,
        "who speaks",
        "",
        "The share of each provider. Requests that ended ok and whose audio was made for them.",
        ("provider",),
        SHARE,
    ),
    Column(
        "seconds_per_character",
        Subject.AUDIO,
        ValueKind.NUMBER,
        "audio per character",
        "s",
        "The pace of the speech, at equal length. Requests that ended ok and whose audio was made for them.",
        ("seconds_per_character",),
        _ratio(1.03),
        Scale.RATIO,
        softening=1e-4,
        equal_length=True,
    ),
    Column(
        "loudness",
        Subject.AUDIO,
        ValueKind.NUMBER,
        "loudness",
        "dB",
        "At equal length. Requests that ended ok and whose audio was made for them.",
        ("loudness",),
        0.5,
        equal_length=True,
    ),
    Column(
        "silence_share",
        Subject.AUDIO,
        ValueKind.NUMBER,
        "silence",
        "share",
        "The quiet share of the clip, at equal length. Requests that ended ok and whose audio was made for them.",
        ("silence_share",),
        0.02,
        equal_length=True,
    ),
    Column(
        "clipping_share",
        Subject.AUDIO,
        ValueKind.CATEGORY,
        "clipping",
        "",
        "Clips with samples at full scale: none, some, or distorted (over 1 in 1,000). Requests that ended ok and "
        "whose audio was made for them.",
        ("clipping_share",),
        SHARE,
        sound="none",
        worse=1,
    ),
    Column(
        "audio_faults",
        Subject.AUDIO,
        ValueKind.CATEGORY,
        "faulty clips",
        "",
        "The first fault found in the clip. Requests that ended ok and whose audio was made for them.",
        ("outcome",),
        SHARE,
        sound="none",
        worse=1,
    ),
)
BY_NAME = {column.name: column for column in COLUMNS}
NUMBERS = tuple(column for column in COLUMNS if column.kind is ValueKind.NUMBER)
CATEGORIES = tuple(column for column in COLUMNS if column.kind is ValueKind.CATEGORY)

DIMENSIONS = ("voice", "word_range", "provider", "language", "cache", "streamed", "endpoint", "build", "error_type")
"""The fields of a row that a change may concentrate on."""
