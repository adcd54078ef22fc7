"""Usage: who asks for how much, and is that more than last week?"""

from __future__ import annotations

from dashboards.panel import Board, Panel, Query, Row, Unit
from dashboards.promql import increase, rate, series, sums
from dashboards.variables import SPAN
from otel.contract.labels import CLIENT, ENDPOINT, LANGUAGE, VOICE_NAME
from otel.contract.metrics import AUDIO_DURATION, CHARACTERS_TOTAL, REQUESTS, WORDS_TOTAL

NO_LAST_WEEK = "Prometheus has nothing from a week ago."

AUDIO_MADE = Panel(
    "audio-made",
    "Audio",
    "Length of all clips that clients got, over the time shown.",
    "stat",
    Unit.SECONDS,
    (Query(increase(AUDIO_DURATION, SPAN, part="_sum")),),
    asked=("A9.9",),
    width=6,
    height=5,
)
CHARACTERS_SPOKEN = Panel(
    "characters-spoken",
    "Characters",
    "Of requests that ended ok, over the time shown.",
    "stat",
    Unit.NUMBER,
    (Query(increase(CHARACTERS_TOTAL, SPAN)),),
    asked=("A9.9",),
    width=6,
    height=5,
)
WORDS_SPOKEN = Panel(
    "words-spoken",
    "Words",
    "Of requests that ended ok, over the time shown.",
    "stat",
    Unit.NUMBER,
    (Query(increase(WORDS_TOTAL, SPAN)),),
    asked=("A9.9",),
    width=6,
    height=5,
)
REQUESTS_ASKED = Panel(
    "requests-asked",
    "Requests",
    "Calls that ask for audio, refused ones included, over the time shown.",
    "stat",
    Unit.NUMBER,
    (Query(increase(REQUESTS, SPAN)),),
    asked=("A9.9",),
    width=6,
    height=5,
)
CHARACTERS_BY_VOICE = Panel(
    "characters-voice",
    "Characters by voice",
    "A second.",
    "stacked",
    Unit.PER_SECOND,
    (Query(rate(CHARACTERS_TOTAL, (VOICE_NAME,)), "{voice_name}"),),
    asked=("A9.9",),
)
CHARACTERS_BY_CLIENT = Panel(
    "characters-client",
    "Characters by client",
    "A second, by the name of the caller's key; anonymous without keys.",
    "stacked",
    Unit.PER_SECOND,
    (Query(rate(CHARACTERS_TOTAL, (CLIENT,)), "{client}"),),
    asked=("A9.9",),
)
AUDIO_RATE = Panel(
    "audio-rate",
    "Audio per second",
    "Seconds of audio that clients got a second: how many times as fast as it is spoken the service speaks.",
    "stacked",
    Unit.NUMBER,
    (Query(sums(AUDIO_DURATION, (VOICE_NAME,)), "{voice_name}"),),
    asked=("A9.9",),
)
CLIENTS = Panel(
    "clients",
    "Clients",
    "Words over the time shown, by the name of the caller's key.",
    "table",
    Unit.NUMBER,
    (Query(f"topk (20, {increase(WORDS_TOTAL, SPAN, (CLIENT,))})", "{client}"),),
    asked=("A9.9",),
)
CALLS = Panel(
    "calls",
    "Calls by path",
    "Calls a second, by the path that was asked.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(rate(REQUESTS, (ENDPOINT,)), "{endpoint}"),),
    asked=("A9.9",),
)
LANGUAGE_SHARE = Panel(
    "language-share",
    "Languages",
    "Calls over the time shown, by language.",
    "bars",
    Unit.NUMBER,
    (Query(increase(REQUESTS, SPAN, (LANGUAGE,)), "{language}"),),
    asked=("A9.9",),
)
WEEKS = Panel(
    "weeks",
    "Requests, now and a week ago",
    "Calls a second, each over an hour.",
    "lines",
    Unit.REQUESTS_PER_SECOND,
    (
        Query(f"sum (rate({series(REQUESTS)}[1h]))", "now"),
        Query(f"sum (rate({series(REQUESTS)}[1h] offset 1w))", "a week ago"),
    ),
    empty=NO_LAST_WEEK,
    asked=("A9.9", "B2.7"),
    width=12,
)
TREND = Panel(
    "characters-trend",
    "Characters a day",
    "Characters over the last 24 hours at each point, by voice: the trend of use without the rhythm of the day.",
    "lines",
    Unit.NUMBER,
    (Query(increase(CHARACTERS_TOTAL, "1d", (VOICE_NAME,)), "{voice_name}"),),
    asked=("A9.9", "B2.7"),
    width=12,
)

USAGE = Board(
    "ttscope-usage",
    "Usage",
    "Who asks for how much, and is that more than last week?",
    (
        Row("Over the time shown", (AUDIO_MADE, CHARACTERS_SPOKEN, WORDS_SPOKEN, REQUESTS_ASKED)),
        Row(
            "Voices, clients, calls",
            (CHARACTERS_BY_VOICE, CHARACTERS_BY_CLIENT, AUDIO_RATE, CLIENTS, CALLS, LANGUAGE_SHARE),
        ),
        Row("Trends", (WEEKS, TREND)),
    ),
)
