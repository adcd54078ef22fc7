"""Tests of the alerts on what users notice."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent
from alerting.cases.readings import at_most, native

ERRORS = 'tts_errors_total{side="server",error_type="engine_failed"}'
CLIENT_ERRORS = 'tts_errors_total{side="client",error_type="unknown_voice"}'
OK, FAILED = 'tts_requests_total{outcome="ok"}', 'tts_requests_total{outcome="error"}'
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
        native(DURATION, "", {5: 94, 12: 6}),
        Firing("The p95 response time of the last five minutes is 11.9s; the limit is 10 s."),
    ),
    silent(
        Kind.EDGE,
        "TtsLatencyHigh",
        "4.9 % take over ten seconds",
        "12m",
        native(DURATION, "", {9.9: 95.1, 12: 4.9}),
    ),
    silent(Kind.EDGE, "TtsLatencyHigh", "too short", "5m", native(DURATION, "", {12: 100})),
    silent(Kind.FEW, "TtsLatencyHigh", "3 requests a minute", "12m", native(DURATION, "", {12: 3})),
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
        native(FIRST, SHORT, {1: 94, 6: 6}),
        Firing("The p95 time to first audio of texts of up to 25 words is 5.95s; the limit is 2.5 s."),
    ),
    silent(
        Kind.EDGE,
        "TtsFirstAudioLate",
        "4.9 % wait longer",
        "12m",
        native(FIRST, SHORT, {2.4: 95.1, 6: 4.9}),
    ),
    silent(Kind.FEW, "TtsFirstAudioLate", "3 requests a minute", "12m", native(FIRST, SHORT, {6: 3})),
    silent(Kind.QUIET, "TtsFirstAudioLate", "long texts", "12m", native(FIRST, LONG, {6: 100})),
    silent(Kind.MISSING, "TtsFirstAudioLate", "no requests", "12m"),
    fires(
        "TtsStreamHoles",
        "6 % have holes",
        "22m",
        at_most(HOLES, "0.25", ("0+94x30", "0+100x30")),
        Firing("6% of the streams were silent for more than 0.25 s in the middle of speech; the limit is 5%."),
    ),
    silent(Kind.EDGE, "TtsStreamHoles", "4.9 % have holes", "22m", at_most(HOLES, "0.25", ("0+95.1x30", "0+100x30"))),
    silent(Kind.FEW, "TtsStreamHoles", "one stream a minute", "22m", at_most(HOLES, "0.25", ("0x30", "0+1x30"))),
    silent(Kind.MISSING, "TtsStreamHoles", "nobody streams", "22m"),
)
