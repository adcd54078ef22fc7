"""Tests of the alerts on unusual traffic and usage. promtool's first day begins at midnight."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent

EVERY = "10m"
A_DAY = 144
REQUESTS, WORDS = 'tts_requests_total{outcome="ok"}', 'tts_words_total{voice_name="joe"}'
SECONDS = "tts_word_count_duration_seconds_sum"
NOW = "7d12h"
USUAL = "Usual is the median of the same hour of the last 7 days."
DAYS_BEFORE = 7 * A_DAY + A_DAY // 2 - 12
"""The number of intervals until two hours before NOW."""


def counter(usual: float, today: float, days: int = DAYS_BEFORE) -> str:
    """Returns a counter that grows by ``usual`` in ten minutes, and by ``today`` in the last two hours."""
    return f"0+{usual:g}x{days} {usual * days + today:g}+{today:g}x30"


def speech(usual: float, today: float, words: float = 100) -> dict[str, str]:
    """Returns series of ``words`` words in ten minutes, each of which takes ``usual`` or ``today`` seconds."""
    return {
        SECONDS: counter(usual * words, today * words),
        WORDS: counter(words, words),
        REQUESTS: counter(words / 10, words / 10),
    }


YOUNG = f"{'_ ' * (DAYS_BEFORE - 3 * A_DAY)}"
"""No samples until three days before NOW."""
ODD_DAY = f"0+100x{3 * A_DAY} {300 * A_DAY + 1000}+1000x{A_DAY} {1300 * A_DAY + 1100}+100x{5 * A_DAY}"
"""Ten times as much on one day of eight."""

CASES: tuple[Case, ...] = (
    fires(
        "TtsTrafficUnusual",
        "nearly none",
        NOW,
        {REQUESTS: counter(100, 1)},
        Firing(f"There are 0.01 times as many requests as usual. {USUAL}"),
        interval=EVERY,
    ),
    fires(
        "TtsTrafficUnusual",
        "twice as much",
        NOW,
        {REQUESTS: counter(100, 200)},
        Firing(f"There are 2.00 times as many requests as usual. {USUAL}"),
        interval=EVERY,
    ),
    silent(Kind.EDGE, "TtsTrafficUnusual", "1.49 times as much", NOW, {REQUESTS: counter(100, 149)}, EVERY),
    silent(Kind.FEW, "TtsTrafficUnusual", "six in an hour, and now sixty", NOW, {REQUESTS: counter(1, 10)}, EVERY),
    silent(
        Kind.QUIET,
        "TtsTrafficUnusual",
        "three days old",
        NOW,
        {REQUESTS: f"{YOUNG}0+100x{3 * A_DAY} 43200+1x30"},
        EVERY,
    ),
    silent(Kind.QUIET, "TtsTrafficUnusual", "one odd day among the seven", NOW, {REQUESTS: ODD_DAY}, EVERY),
    silent(Kind.MISSING, "TtsTrafficUnusual", "no requests", NOW, {}, EVERY),
    fires(
        "TtsSpeechUnusuallySlow",
        "1.6 times",
        NOW,
        speech(0.05, 0.08),
        Firing(f"A word takes 1.6 times as long as usual. {USUAL}"),
        interval=EVERY,
    ),
    silent(Kind.EDGE, "TtsSpeechUnusuallySlow", "1.49 times", NOW, speech(0.05, 0.0745), EVERY),
    silent(Kind.FEW, "TtsSpeechUnusuallySlow", "six requests in an hour", NOW, speech(0.05, 0.2, words=10), EVERY),
    silent(Kind.MISSING, "TtsSpeechUnusuallySlow", "no requests", NOW, {}, EVERY),
    fires(
        "TtsUsageDrop",
        "49 %",
        NOW,
        {WORDS: counter(1000, 490)},
        Firing(f"49% of the usual number of words were spoken within the last hour. {USUAL}"),
        interval=EVERY,
    ),
    silent(Kind.EDGE, "TtsUsageDrop", "half", NOW, {WORDS: counter(1000, 500)}, EVERY),
    silent(Kind.FEW, "TtsUsageDrop", "600 words in an hour, and now none", NOW, {WORDS: counter(100, 0)}, EVERY),
    silent(Kind.MISSING, "TtsUsageDrop", "nothing spoken", NOW, {}, EVERY),
    fires(
        "TtsUsageSpike",
        "3.1 times",
        NOW,
        {WORDS: counter(1000, 3100)},
        Firing(f"3.1 times the usual number of words were spoken within the last hour. {USUAL}"),
        interval=EVERY,
    ),
    silent(Kind.EDGE, "TtsUsageSpike", "three times", NOW, {WORDS: counter(1000, 3000)}, EVERY),
    silent(Kind.FEW, "TtsUsageSpike", "from 60 words in an hour to 600", NOW, {WORDS: counter(10, 100)}, EVERY),
    silent(Kind.MISSING, "TtsUsageSpike", "nothing spoken", NOW, {}, EVERY),
)
