"""Words and voices: how long does a text of this length take, and in which voice?"""

from __future__ import annotations

from dashboards.panel import Board, Panel, Query, Row, Unit
from dashboards.promql import buckets, mean, quantile, rate
from dashboards.traceql import equal, longer_than, requests
from otel.contract.instrument import Instrument
from otel.contract.labels import CACHE, CHAR_COUNT_RANGE, LANGUAGE, VOICE_NAME, WORD_COUNT_RANGE, Attribute
from otel.contract.metrics import (
    AUDIO_DURATION,
    CHARACTER_COUNT_DURATION,
    REAL_TIME_FACTOR,
    REQUEST_DURATION,
    REQUESTS,
    TIME_TO_FIRST_AUDIO,
    WORD_COUNT_DURATION,
)
from otel.contract.promql import Where
from otel.contract.ranges import EMPTY, WORDS

SLOW = requests(longer_than(1))
LONG = requests(equal("tts.word_count_range", WORDS.labels[-1]))
MADE: Where = {CACHE: "miss"}
ACCEPTED_ANSWERS = "Requests that ended ok"


def by_range(
    attribute: Attribute, share: float, histogram: Instrument, where: Where | None = None
) -> tuple[Query, ...]:
    """A query for each range, in the order of the ranges: Prometheus would sort 101-200 before 11-25."""
    return tuple(
        Query(quantile(share, histogram, (), {attribute: label, **(where or {})}), label)
        for label in attribute.values
        if label != EMPTY
    )


WORDS_GRID = Panel(
    "words-grid",
    "Response time by words",
    f"Of 95 in 100 requests the longest, for each range of words, over time. {ACCEPTED_ANSWERS}, from the cache or "
    "made.",
    "grid",
    Unit.SECONDS,
    by_range(WORD_COUNT_RANGE, 0.95, WORD_COUNT_DURATION),
    traces=SLOW,
    empty="A range that nobody asked for has no response time.",
    asked=("A5.2",),
    width=12,
)
WORDS_P95 = Panel(
    "words-p95",
    "p95 by words, of what was made",
    f"{ACCEPTED_ANSWERS} and did not come from the cache: of 95 in 100 the longest.",
    "lines",
    Unit.SECONDS,
    by_range(WORD_COUNT_RANGE, 0.95, WORD_COUNT_DURATION, MADE),
    traces=SLOW,
    empty="A range that nobody asked for has no response time.",
    asked=("A5.7",),
    width=12,
)
WORDS_RATE = Panel(
    "words-rate",
    "Requests by words",
    f"{ACCEPTED_ANSWERS}, a second.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(rate(WORD_COUNT_DURATION, (WORD_COUNT_RANGE,)), "{word_count_range}"),),
)
WORDS_DISTRIBUTION = Panel(
    "words-distribution",
    "Distribution of response times of what was made",
    "How many requests a second ended within each range of time, without those that came from the cache.",
    "heatmap",
    Unit.SECONDS,
    (Query(buckets(WORD_COUNT_DURATION, (), MADE), "{le}"),),
    traces=SLOW,
    asked=("A5.6",),
)
FIRST_AUDIO = Panel(
    "first-audio-words",
    "Time to first audio by words",
    "Until the first audio is ready to be sent: the first chunk of a stream, the end of a whole answer; half of the "
    "requests wait less.",
    "lines",
    Unit.SECONDS,
    by_range(WORD_COUNT_RANGE, 0.5, TIME_TO_FIRST_AUDIO),
    traces=SLOW,
    empty="A range that nobody asked for has no time to first audio.",
)
CHARACTERS_GRID = Panel(
    "characters-grid",
    "Response time by characters",
    f"Of 95 in 100 requests the longest, for each range of characters, over time. {ACCEPTED_ANSWERS}.",
    "grid",
    Unit.SECONDS,
    by_range(CHAR_COUNT_RANGE, 0.95, CHARACTER_COUNT_DURATION),
    traces=SLOW,
    empty="A range that nobody asked for has no response time.",
)
REAL_TIME = Panel(
    "real-time-words",
    "Real time factor by words",
    "Work for a second of audio, in seconds, without the wait for others; the mean. Below 1 speech is made faster than "
    "it is spoken.",
    "lines",
    Unit.NUMBER,
    (Query(mean(REAL_TIME_FACTOR, (WORD_COUNT_RANGE,)), "{word_count_range}"),),
    traces=LONG,
)
VOICES_P95 = Panel(
    "voices-p95",
    "Voices: p95",
    f"{ACCEPTED_ANSWERS} or in error: of 95 in 100 the longest, each voice.",
    "bars",
    Unit.SECONDS,
    (Query(quantile(0.95, REQUEST_DURATION, (VOICE_NAME,)), "{voice_name}"),),
    traces=SLOW,
    asked=("A5.3",),
    width=6,
)
VOICES_FIRST_AUDIO = Panel(
    "voices-first-audio",
    "Voices: time to first audio",
    "The mean of each voice.",
    "bars",
    Unit.SECONDS,
    (Query(mean(TIME_TO_FIRST_AUDIO, (VOICE_NAME,)), "{voice_name}"),),
    traces=SLOW,
    asked=("A5.3",),
    width=6,
)
VOICES_REAL_TIME = Panel(
    "voices-real-time",
    "Voices: real time factor",
    "Work for a second of audio, in seconds; the mean of each voice.",
    "bars",
    Unit.NUMBER,
    (Query(mean(REAL_TIME_FACTOR, (VOICE_NAME,)), "{voice_name}"),),
    asked=("A5.3",),
    width=6,
)
VOICES_RATE = Panel(
    "voices-rate",
    "Voices: requests",
    "Calls a second that named each voice.",
    "bars",
    Unit.REQUESTS_PER_SECOND,
    (Query(rate(REQUESTS, (VOICE_NAME,)), "{voice_name}"),),
    asked=("A5.3",),
    width=6,
)
VOICES_OVER_TIME = Panel(
    "voices-over-time",
    "p95 by voice",
    "Of 95 in 100 requests the longest, each voice over time.",
    "lines",
    Unit.SECONDS,
    (Query(quantile(0.95, REQUEST_DURATION, (VOICE_NAME,)), "{voice_name}"),),
    traces=SLOW,
    asked=("A5.3", "A5.7"),
)
LANGUAGES = Panel(
    "languages",
    "Requests by language",
    "Calls a second; other: none that a voice here speaks.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(rate(REQUESTS, (LANGUAGE,)), "{language}"),),
)
LANGUAGES_LATENCY = Panel(
    "languages-p95",
    "p95 by language",
    "Of 95 in 100 requests the longest, each language.",
    "lines",
    Unit.SECONDS,
    (Query(quantile(0.95, REQUEST_DURATION, (LANGUAGE,)), "{language}"),),
    traces=SLOW,
)
CLIP_LENGTHS = Panel(
    "clip-lengths",
    "Length of the audio",
    "How many clips a second are as long as that.",
    "heatmap",
    Unit.SECONDS,
    (Query(buckets(AUDIO_DURATION), "{le}"),),
)

WORDS_AND_VOICES = Board(
    "ttscope-words",
    "Words and voices",
    "How long does a text of this length take, and in which voice?",
    (
        Row("Words", (WORDS_GRID, WORDS_P95, WORDS_RATE, WORDS_DISTRIBUTION, FIRST_AUDIO)),
        Row("Characters, work and audio", (CHARACTERS_GRID, REAL_TIME, CLIP_LENGTHS)),
        Row("Voices, side by side", (VOICES_P95, VOICES_FIRST_AUDIO, VOICES_REAL_TIME, VOICES_RATE)),
        Row("Voices and languages over time", (VOICES_OVER_TIME, LANGUAGES, LANGUAGES_LATENCY)),
    ),
)
