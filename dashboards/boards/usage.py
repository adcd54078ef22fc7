"""The Usage dashboard: who uses how much, and how does that compare with last week?"""

from __future__ import annotations

from dashboards.panel import Board, Panel, Query, Row, Unit
from dashboards.scope import SELECTED
from dashboards.variables import SPAN
from otel.contract.labels import CLIENT, ENDPOINT, LANGUAGE, VOICE_NAME
from otel.contract.metrics import AUDIO_DURATION, CHARACTERS_TOTAL, REQUESTS, WORDS_TOTAL

NO_LAST_WEEK = "Prometheus has no data from a week ago."

AUDIO_MADE = Panel(
    "audio-made",
    "Audio",
    "Total length of the audio that clients received, over the dashboard's time range.",
    "stat",
    Unit.SECONDS,
    (Query(SELECTED.increase(AUDIO_DURATION, over=SPAN, suffix="_sum")),),
    width=6,
    height=5,
)
CHARACTERS_SPOKEN = Panel(
    "characters-spoken",
    "Characters",
    "Characters of successful requests, over the dashboard's time range.",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.count(CHARACTERS_TOTAL, over=SPAN)),),
    width=6,
    height=5,
)
WORDS_SPOKEN = Panel(
    "words-spoken",
    "Words",
    "Words of successful requests, over the dashboard's time range.",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.count(WORDS_TOTAL, over=SPAN)),),
    width=6,
    height=5,
)
REQUESTS_ASKED = Panel(
    "requests-asked",
    "Requests",
    "Synthesis requests, including rejected ones, over the dashboard's time range.",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.count(REQUESTS, over=SPAN)),),
    width=6,
    height=5,
)
CHARACTERS_BY_VOICE = Panel(
    "characters-voice",
    "Characters by voice",
    "Characters per second, by voice.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.rate(CHARACTERS_TOTAL, by=(VOICE_NAME,)), "{voice_name}"),),
)
CHARACTERS_BY_CLIENT = Panel(
    "characters-client",
    "Characters by client",
    "Characters per second, by the name of the client's API key; `anonymous` without keys.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.rate(CHARACTERS_TOTAL, by=(CLIENT,)), "{client}"),),
)
AUDIO_RATE = Panel(
    "audio-rate",
    "Audio per second",
    "Seconds of audio delivered per second, by voice: how many times faster than real time the service speaks.",
    "stacked",
    Unit.NUMBER,
    (Query(SELECTED.rate(AUDIO_DURATION, by=(VOICE_NAME,), suffix="_sum"), "{voice_name}"),),
)
CLIENTS = Panel(
    "clients",
    "Clients",
    "Words over the dashboard's time range, by the name of the client's API key. The 20 largest.",
    "table",
    Unit.NUMBER,
    (Query(f"topk (20, {SELECTED.increase(WORDS_TOTAL, by=(CLIENT,), over=SPAN)})", "{client}"),),
)
CALLS = Panel(
    "calls",
    "Requests by endpoint",
    "Requests per second, by endpoint.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(REQUESTS, by=(ENDPOINT,)), "{endpoint}"),),
)
LANGUAGE_SHARE = Panel(
    "language-share",
    "Languages",
    "Requests over the dashboard's time range, by language.",
    "bars",
    Unit.NUMBER,
    (Query(SELECTED.increase(REQUESTS, by=(LANGUAGE,), over=SPAN), "{language}"),),
)
WEEKS = Panel(
    "weeks",
    "Requests, now and a week ago",
    "Requests per second, as the mean of the last hour, now and at the same time a week ago. A large difference is "
    "either a new or missing client, or an outage before the server.",
    "lines",
    Unit.REQUESTS_PER_SECOND,
    (
        Query(f"sum (rate({SELECTED.series(REQUESTS)}[1h]))", "now"),
        Query(f"sum (rate({SELECTED.series(REQUESTS)}[1h] offset 1w))", "a week ago"),
    ),
    empty=NO_LAST_WEEK,
    width=12,
)
TREND = Panel(
    "characters-trend",
    "Characters a day",
    "Characters within the 24 hours before each point, by voice: the trend without the daily pattern.",
    "lines",
    Unit.NUMBER,
    (Query(SELECTED.increase(CHARACTERS_TOTAL, by=(VOICE_NAME,), over="1d"), "{voice_name}"),),
    width=12,
)

USAGE = Board(
    "ttscope-usage",
    "Usage",
    "Who uses how much, and how does that compare with last week?",
    (
        Row("Totals", (AUDIO_MADE, CHARACTERS_SPOKEN, WORDS_SPOKEN, REQUESTS_ASKED)),
        Row(
            "Voices, clients, endpoints",
            (CHARACTERS_BY_VOICE, CHARACTERS_BY_CLIENT, AUDIO_RATE, CLIENTS, CALLS, LANGUAGE_SHARE),
        ),
        Row("Trends", (WEEKS, TREND)),
    ),
)
