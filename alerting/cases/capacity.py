"""Tests of the alerts on capacity."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent
from alerting.cases.readings import native

QUEUE = 'tts_queue_audio_seconds{instance="a"}'
UNSENT = 'tts_unsent_bytes{instance="a"}'
REFUSED = 'tts_errors_total{side="server",error_type="queue_full"}'
ALL = 'tts_requests_total{outcome="ok"}'
FULL = 'tts_connections_ended_early_total{instance="a",reason="full"}'
PACE = "tts_real_time_factor"
HIT, MISS = 'tts_cache_requests_total{result="hit"}', 'tts_cache_requests_total{result="miss"}'
STALE, IN_USE, BUILD = (
    f'tts_prediction_model{{instance="a",state="{state}"}}' for state in ("stale", "in_use", "build")
)

CASES: tuple[Case, ...] = (
    fires(
        "TtsQueueSaturated",
        "451 seconds wait",
        "5m",
        {QUEUE: "0 451x20"},
        Firing(
            "7m 31s of audio wait to be synthesized on a; the limit is 450 s. New requests will soon be rejected.",
            {"instance": "a"},
        ),
    ),
    silent(Kind.EDGE, "TtsQueueSaturated", "450 seconds wait", "5m", {QUEUE: "450x20"}),
    silent(Kind.EDGE, "TtsQueueSaturated", "too short", "2m", {QUEUE: "0 500x20"}),
    silent(Kind.MISSING, "TtsQueueSaturated", "no server", "5m"),
    fires(
        "TtsUnsentAudioHigh",
        "256 MiB wait",
        "8m",
        {UNSENT: "0 268435456x20"},
        Firing(
            "256MiB of audio wait to be sent by a; the limit is 192 MiB. Clients that do not read their responses will "
            "soon be rejected.",
            {"instance": "a"},
        ),
    ),
    silent(Kind.EDGE, "TtsUnsentAudioHigh", "192 MiB wait", "10m", {UNSENT: "201326592x20"}),
    silent(Kind.EDGE, "TtsUnsentAudioHigh", "too short", "5m", {UNSENT: "0 268435456x20"}),
    silent(Kind.MISSING, "TtsUnsentAudioHigh", "no server", "10m"),
    fires(
        "TtsRequestsRefused",
        "6 % are refused",
        "10m",
        {REFUSED: "0+6x20", ALL: "0+100x20"},
        Firing("6% of the requests find no capacity or miss their deadline; the limit is 5%."),
    ),
    silent(Kind.EDGE, "TtsRequestsRefused", "5 % are refused", "10m", {REFUSED: "0+5x20", ALL: "0+100x20"}),
    silent(Kind.FEW, "TtsRequestsRefused", "3 of 6 a minute", "10m", {REFUSED: "0+3x20", ALL: "0+6x20"}),
    silent(
        Kind.QUIET,
        "TtsRequestsRefused",
        "failures of another kind",
        "10m",
        {REFUSED.replace("queue_full", "engine_failed"): "0+50x20", ALL: "0+100x20"},
    ),
    silent(Kind.MISSING, "TtsRequestsRefused", "nobody was ever refused", "10m", {ALL: "0+100x20"}),
    fires(
        "TtsConnectionsFull",
        "10 a minute are refused",
        "10m",
        {FULL: "0+10x20"},
        Firing(
            "a answered 50 connections of the last five minutes with 503, because all others had a request.",
            {"instance": "a"},
        ),
    ),
    silent(Kind.EDGE, "TtsConnectionsFull", "3 a minute are refused", "10m", {FULL: "0+3x20"}),
    silent(
        Kind.QUIET,
        "TtsConnectionsFull",
        "idle ones give way",
        "10m",
        {FULL.replace("full", "displaced"): "0+1000x20", FULL: "0x20"},
    ),
    silent(Kind.MISSING, "TtsConnectionsFull", "no server", "10m"),
    fires(
        "TtsRealTimeFactorHigh",
        "more than half take over 0.8",
        "20m",
        native(PACE, "", {0.5: 40, 1.2: 60}),
        Firing("The median real-time factor of the last ten minutes is 1.20; from 0.8 on, streams begin to have gaps."),
    ),
    silent(
        Kind.EDGE, "TtsRealTimeFactorHigh", "49.9 % take over 0.8", "20m", native(PACE, "", {0.75: 50.1, 1.2: 49.9})
    ),
    silent(Kind.FEW, "TtsRealTimeFactorHigh", "one request a minute", "20m", native(PACE, "", {1.2: 1})),
    silent(Kind.MISSING, "TtsRealTimeFactorHigh", "no requests", "20m"),
    fires(
        "TtsCacheCollapse",
        "from 60 to 20 %",
        "460m",
        {HIT: "0+60x410 24602+2x60", MISS: "0+40x410 16408+8x60"},
        Firing(
            "20% of the lookups of the last half hour were hits, less than half of the share in the six hours before."
        ),
    ),
    fires(
        "TtsCacheCollapse",
        "to nothing",
        "460m",
        {HIT: "0+60x410 24600x60", MISS: "0+40x410 16410+10x60"},
        Firing(
            "0% of the lookups of the last half hour were hits, less than half of the share in the six hours before."
        ),
    ),
    silent(
        Kind.EDGE,
        "TtsCacheCollapse",
        "from 60 to 30 %",
        "460m",
        {HIT: "0+60x410 24603+3x60", MISS: "0+40x410 16407+7x60"},
    ),
    silent(
        Kind.QUIET,
        "TtsCacheCollapse",
        "it never hit much",
        "460m",
        {HIT: "0+8x410 3280x60", MISS: "0+92x410 37820+100x60"},
    ),
    silent(
        Kind.FEW,
        "TtsCacheCollapse",
        "three lookups a minute",
        "460m",
        {HIT: "0+60x410 24600x60", MISS: "0+40x410 16403+3x60"},
    ),
    silent(Kind.MISSING, "TtsCacheCollapse", "nothing is cached", "460m"),
    fires(
        "TtsPredictionModelOff",
        "stale",
        "65m",
        {STALE: "1x70", IN_USE: "0x70"},
        Firing(
            "a does not use the trained prediction model (stale). It predicts linearly meanwhile: Retry-After and dry "
            "runs are less exact.",
            {"instance": "a", "state": "stale"},
        ),
    ),
    silent(Kind.EDGE, "TtsPredictionModelOff", "too short", "60m", {STALE: "0 1x70"}),
    silent(Kind.QUIET, "TtsPredictionModelOff", "another build was deployed", "70m", {STALE: "0x70", BUILD: "1x70"}),
    silent(Kind.MISSING, "TtsPredictionModelOff", "no server", "70m"),
)
