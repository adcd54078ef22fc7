"""The Words and voices dashboard: how does latency depend on text length, voice and language?"""

from __future__ import annotations

from dashboards.panel import Board, Panel, Query, Row, Unit
from dashboards.scope import SELECTED
from dashboards.traceql import equal, longer_than, requests
from otel.contract.event_fields import RequestField
from otel.contract.instrument import Instrument
from otel.contract.labels import (
    CACHE,
    CHAR_COUNT_RANGE,
    GEN_AI_MODEL,
    GEN_AI_PROVIDER,
    LANGUAGE,
    VOICE_NAME,
    WORD_COUNT_RANGE,
    Attribute,
)
from otel.contract.metrics import (
    AUDIO_DURATION,
    CHARACTER_COUNT_DURATION,
    GEN_AI_DURATION,
    REAL_TIME_FACTOR,
    REQUEST_DURATION,
    REQUESTS,
    TIME_TO_FIRST_AUDIO,
    WORD_COUNT_DURATION,
)
from otel.contract.promql import Where
from otel.contract.ranges import EMPTY, WORDS

SLOW = requests(longer_than(1))
LONG = requests(equal(RequestField.WORD_COUNT_RANGE, WORDS.labels[-1]))
MADE: Where = {CACHE: "miss"}


def by_range(
    attribute: Attribute, share: float, histogram: Instrument, where: Where | None = None
) -> tuple[Query, ...]:
    """Returns a query for each range, in the order of the ranges: Prometheus would sort 101-200 before 11-25."""
    return tuple(
        Query(SELECTED.quantile(share, histogram, where={attribute: label, **(where or {})}), label)
        for label in attribute.values
        if label != EMPTY
    )


WORDS_GRID = Panel(
    "words-grid",
    "Response time by words",
    "p95 of the response time in seconds, for each range of words, over time. Successful requests only, cache hits "
    "included. When a range gets slower, p95 by words, cache misses shows whether synthesis itself is slower.",
    "grid",
    Unit.SECONDS,
    by_range(WORD_COUNT_RANGE, 0.95, WORD_COUNT_DURATION),
    traces=SLOW,
    empty="No request of such a length in this time.",
    width=12,
)
WORDS_P95 = Panel(
    "words-p95",
    "p95 by words, cache misses",
    "p95 of the response time in seconds by range of words, without requests that were answered from the cache. When "
    "all ranges rise, the machine or the engine is slow: look at Engine and system. When only long texts rise, ask "
    "clients to stream.",
    "lines",
    Unit.SECONDS,
    by_range(WORD_COUNT_RANGE, 0.95, WORD_COUNT_DURATION, MADE),
    traces=SLOW,
    empty="No request of such a length in this time.",
    width=12,
)
WORDS_RATE = Panel(
    "words-rate",
    "Requests by words",
    "Successful requests per second, by range of words. A shift to longer texts raises every latency that is not "
    "split by length.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(WORD_COUNT_DURATION, by=(WORD_COUNT_RANGE,)), "{word_count_range}"),),
)
WORDS_DISTRIBUTION = Panel(
    "words-distribution",
    "Distribution of response times, cache misses",
    "Requests per second by response time, without requests that were answered from the cache.",
    "heatmap",
    Unit.SECONDS,
    (Query(SELECTED.distribution(WORD_COUNT_DURATION, where=MADE)),),
    traces=SLOW,
)
FIRST_AUDIO = Panel(
    "first-audio-words",
    "Time to first audio by words",
    "Median time to first audio in seconds, by range of words: until the first chunk of a stream, or the whole of an "
    "answer that is not streamed, is ready to be sent. When short texts rise, look at the queue on Engine and system.",
    "lines",
    Unit.SECONDS,
    by_range(WORD_COUNT_RANGE, 0.5, TIME_TO_FIRST_AUDIO),
    traces=SLOW,
    empty="No request of such a length in this time.",
)
CHARACTERS_GRID = Panel(
    "characters-grid",
    "Response time by characters",
    "p95 of the response time in seconds, for each range of characters, over time. Successful requests only, cache "
    "hits included.",
    "grid",
    Unit.SECONDS,
    by_range(CHAR_COUNT_RANGE, 0.95, CHARACTER_COUNT_DURATION),
    traces=SLOW,
    empty="No request of such a length in this time.",
)
REAL_TIME = Panel(
    "real-time-words",
    "Real-time factor by words",
    "Mean real-time factor by range of words: seconds of work per second of audio, without queueing. Below 1 speech "
    "is made faster than it plays; near 1 streams begin to have gaps. When it rises, look at CPU and at Work by stage "
    "on Engine and system.",
    "lines",
    Unit.NUMBER,
    (Query(SELECTED.mean(REAL_TIME_FACTOR, by=(WORD_COUNT_RANGE,)), "{word_count_range}"),),
    traces=LONG,
)
VOICES_P95 = Panel(
    "voices-p95",
    "Voices: p95",
    "p95 of the response time in seconds for each voice. Requests that failed after they were accepted are included.",
    "bars",
    Unit.SECONDS,
    (Query(SELECTED.quantile(0.95, REQUEST_DURATION, by=(VOICE_NAME,)), "{voice_name}"),),
    traces=SLOW,
    width=6,
)
VOICES_FIRST_AUDIO = Panel(
    "voices-first-audio",
    "Voices: time to first audio",
    "Mean time to first audio in seconds for each voice.",
    "bars",
    Unit.SECONDS,
    (Query(SELECTED.mean(TIME_TO_FIRST_AUDIO, by=(VOICE_NAME,)), "{voice_name}"),),
    traces=SLOW,
    width=6,
)
VOICES_REAL_TIME = Panel(
    "voices-real-time",
    "Voices: real-time factor",
    "Mean real-time factor of each voice: seconds of work per second of audio.",
    "bars",
    Unit.NUMBER,
    (Query(SELECTED.mean(REAL_TIME_FACTOR, by=(VOICE_NAME,)), "{voice_name}"),),
    width=6,
)
VOICES_RATE = Panel(
    "voices-rate",
    "Voices: requests",
    "Requests per second for each voice.",
    "bars",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(REQUESTS, by=(VOICE_NAME,)), "{voice_name}"),),
    width=6,
)
VOICES_OVER_TIME = Panel(
    "voices-over-time",
    "p95 by voice",
    "p95 of the response time in seconds, by voice over time. When one voice is slow and the others are not, look at "
    "its provider on Engine and system.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.quantile(0.95, REQUEST_DURATION, by=(VOICE_NAME,)), "{voice_name}"),),
    traces=SLOW,
    width=6,
)
PROVIDERS_OVER_TIME = Panel(
    "provider-voice-p95",
    "p95 by provider and voice",
    "p95 of the response time of requests that ended ok, in seconds, by the provider that spoke and the voice. The "
    "metric has its name from the semantic conventions for generative AI.",
    "lines",
    Unit.SECONDS,
    (
        Query(
            SELECTED.quantile(0.95, GEN_AI_DURATION, by=(GEN_AI_PROVIDER, GEN_AI_MODEL)),
            "{gen_ai_provider_name}, {gen_ai_request_model}",
        ),
    ),
    traces=SLOW,
    width=6,
)
LANGUAGES = Panel(
    "languages",
    "Requests by language",
    "Requests per second by language. `other` is any language that no installed voice speaks.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(REQUESTS, by=(LANGUAGE,)), "{language}"),),
    width=6,
)
LANGUAGES_LATENCY = Panel(
    "languages-p95",
    "p95 by language",
    "p95 of the response time in seconds, by language.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.quantile(0.95, REQUEST_DURATION, by=(LANGUAGE,)), "{language}"),),
    traces=SLOW,
    width=6,
)
CLIP_LENGTHS = Panel(
    "clip-lengths",
    "Audio length",
    "Clips per second by their length in seconds.",
    "heatmap",
    Unit.SECONDS,
    (Query(SELECTED.distribution(AUDIO_DURATION)),),
)

WORDS_AND_VOICES = Board(
    "ttscope-words",
    "Words and voices",
    "How does latency depend on text length, voice and language?",
    (
        Row("Words", (WORDS_GRID, WORDS_P95, WORDS_RATE, WORDS_DISTRIBUTION, FIRST_AUDIO)),
        Row("Characters, work and audio", (CHARACTERS_GRID, REAL_TIME, CLIP_LENGTHS)),
        Row("Voices compared", (VOICES_P95, VOICES_FIRST_AUDIO, VOICES_REAL_TIME, VOICES_RATE)),
        Row("Voices and languages over time", (VOICES_OVER_TIME, PROVIDERS_OVER_TIME, LANGUAGES, LANGUAGES_LATENCY)),
    ),
)
