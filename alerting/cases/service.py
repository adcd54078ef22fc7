"""Tests of the alerts on what users notice."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent

ERRORS = 'tts_errors_total{side="server",error_type="engine_failed"}'
CLIENT_ERRORS = 'tts_errors_total{side="client",error_type="unknown_voice"}'
OK, FAILED = 'tts_requests_total{outcome="ok"}', 'tts_requests_total{outcome="error"}'


def histogram(name: str, below: str, counts: tuple[str, str], label: str = "") -> dict[str, str]:
    """Returns a histogram's series from counters of the readings up to ``below`` and of all; the rest is in the bucket up to 25."""
    below_bound, total = counts
    label = f"{label}," if label else ""
    return {
        f'{name}_bucket{{{label}le="{below}"}}': below_bound,
        f'{name}_bucket{{{label}le="25"}}': total,
        f'{name}_bucket{{{label}le="+Inf"}}': total,
        f"{name}_count{{{label.rstrip(',')}}}": total,
    }


DURATION, FIRST, HOLES = (
    "tts_request_duration_seconds",
    "tts_time_to_first_audio_seconds",
    "tts_stream_underrun_seconds",
)
SHORT, LONG = 'word_count_range="1-10"', 'word_count_range="200+"'

CASES: tuple[Case, ...] = (
    fires(
        "TtsErrorRateHigh",
        "0.11 a second",
        "10m",
        {ERRORS: "0+6.6x20"},
        Firing("0.11 requests per second fail because of the server; the limit is 0.1."),
    ),
    fires(
        "TtsErrorRateHigh",
        "of several kinds together",
        "10m",
        {ERRORS: "0+3.6x20", ERRORS.replace("engine_failed", "queue_full"): "0+3.6x20"},
        Firing("0.12 requests per second fail because of the server; the limit is 0.1."),
    ),
    fires(
        "TtsErrorRateHigh",
        "goes on for five minutes after the end",
        "16m",
        {ERRORS: "0+30x8 240x20"},
        Firing("0.12 requests per second fail because of the server; the limit is 0.1."),
    ),
    silent(Kind.QUIET, "TtsErrorRateHigh", "ends", "20m", {ERRORS: "0+30x8 240x20"}),
    silent(Kind.EDGE, "TtsErrorRateHigh", "exactly 0.1 a second", "10m", {ERRORS: "0+6x20"}),
    silent(Kind.EDGE, "TtsErrorRateHigh", "too short", "2m", {ERRORS: "0+60x20"}),
    silent(Kind.QUIET, "TtsErrorRateHigh", "by the callers' fault", "10m", {CLIENT_ERRORS: "0+600x20"}),
    silent(Kind.MISSING, "TtsErrorRateHigh", "no failure yet", "10m", {OK: "0+60x20"}),
    silent(Kind.FEW, "TtsErrorRateHigh", "every call fails, but there is one in a minute", "10m", {ERRORS: "0+1x20"}),
    fires(
        "TtsLatencyHigh",
        "6 % take over ten seconds",
        "12m",
        histogram(DURATION, "10", ("0+94x20", "0+100x20")),
        Firing("The p95 response time of the last five minutes is 12.5s; the limit is 10 s."),
    ),
    silent(
        Kind.EDGE,
        "TtsLatencyHigh",
        "5 % take over ten seconds",
        "12m",
        histogram(DURATION, "10", ("0+95x20", "0+100x20")),
    ),
    silent(Kind.EDGE, "TtsLatencyHigh", "too short", "5m", histogram(DURATION, "10", ("0+0x20", "0+100x20"))),
    silent(Kind.FEW, "TtsLatencyHigh", "3 requests a minute", "12m", histogram(DURATION, "10", ("0+0x20", "0+3x20"))),
    silent(Kind.MISSING, "TtsLatencyHigh", "no requests", "12m"),
    fires(
        "TtsSuccessRateLow",
        "94 % succeed",
        "10m",
        {OK: "0+94x20", FAILED: "0+6x20"},
        Firing("94% of the accepted requests succeed; the minimum is 95%."),
    ),
    fires(
        "TtsSuccessRateLow",
        "none succeeds, and none ever did",
        "10m",
        {FAILED: "0+6x20"},
        Firing("0% of the accepted requests succeed; the minimum is 95%."),
    ),
    silent(Kind.EDGE, "TtsSuccessRateLow", "95 % succeed", "10m", {OK: "0+95x20", FAILED: "0+5x20"}),
    silent(Kind.FEW, "TtsSuccessRateLow", "none of three a minute", "10m", {OK: "0x20", FAILED: "0+3x20"}),
    silent(Kind.MISSING, "TtsSuccessRateLow", "no failure yet", "10m", {OK: "0+100x20"}),
    silent(Kind.MISSING, "TtsSuccessRateLow", "no requests", "10m"),
    silent(
        Kind.QUIET,
        "TtsSuccessRateLow",
        "most are refused or leave",
        "10m",
        {
            OK: "0+10x20",
            'tts_requests_total{outcome="rejected"}': "0+90x20",
            'tts_requests_total{outcome="cancelled"}': "0+90x20",
        },
    ),
    fires(
        "TtsFirstAudioLate",
        "6 % wait longer",
        "12m",
        histogram(FIRST, "2.5", ("0+94x20", "0+100x20"), SHORT),
        Firing("The p95 time to first audio of texts of up to 25 words is 6.25s; the limit is 2.5 s."),
    ),
    silent(
        Kind.EDGE,
        "TtsFirstAudioLate",
        "5 % wait longer",
        "12m",
        histogram(FIRST, "2.5", ("0+95x20", "0+100x20"), SHORT),
    ),
    silent(
        Kind.FEW, "TtsFirstAudioLate", "3 requests a minute", "12m", histogram(FIRST, "2.5", ("0x20", "0+3x20"), SHORT)
    ),
    silent(Kind.QUIET, "TtsFirstAudioLate", "long texts", "12m", histogram(FIRST, "2.5", ("0x20", "0+100x20"), LONG)),
    silent(Kind.MISSING, "TtsFirstAudioLate", "no requests", "12m"),
    fires(
        "TtsStreamHoles",
        "6 % have holes",
        "22m",
        histogram(HOLES, "0.25", ("0+94x30", "0+100x30")),
        Firing("6% of the streams were silent for more than 0.25 s in the middle of speech; the limit is 5%."),
    ),
    silent(Kind.EDGE, "TtsStreamHoles", "4.9 % have holes", "22m", histogram(HOLES, "0.25", ("0+95.1x30", "0+100x30"))),
    silent(Kind.FEW, "TtsStreamHoles", "one stream a minute", "22m", histogram(HOLES, "0.25", ("0x30", "0+1x30"))),
    silent(Kind.MISSING, "TtsStreamHoles", "nobody streams", "22m"),
)
