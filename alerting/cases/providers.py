"""Tests of the alerts on providers."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent
from alerting.cases.readings import native

COQUI, ONNX = {"instance": "a", "provider": "coqui"}, {"instance": "a", "provider": "onnx"}


def of(name: str, labels: dict[str, str], **more: str) -> str:
    """Returns the name of a series with labels."""
    matchers = ",".join(f'{key}="{value}"' for key, value in {**labels, **more}.items())
    return f"{name}{{{matchers}}}"


SLOW = of("tts_degraded", COQUI, kind="latency")
FAILING = of("tts_degraded", COQUI, kind="success_rate")
AVAILABLE, OTHER = of("tts_provider_available", COQUI), of("tts_provider_available", ONNX)
TIMES = native("tts_provider_duration_seconds", of("", COQUI).strip("{}"), {1.5: 4, 1.8: 6})
ATTEMPTS = {
    of("tts_provider_requests_total", COQUI, outcome="ok"): "0+9x20",
    of("tts_provider_requests_total", COQUI, outcome="error"): "0+1x20",
    of("tts_provider_requests_total", COQUI, outcome="cancelled"): "0+50x20",
}

CASES: tuple[Case, ...] = (
    fires(
        "TtsProviderSlow",
        "with its median",
        "5m",
        {SLOW: "0 1x20", **TIMES},
        Firing("coqui takes more than 1.5 times its reference at equal text length. Its median is 1.769s now.", COQUI),
    ),
    fires(
        "TtsProviderSlow",
        "without it",
        "5m",
        {SLOW: "0 1x20"},
        Firing("coqui takes more than 1.5 times its reference at equal text length. Its median is unknown now.", COQUI),
    ),
    silent(Kind.EDGE, "TtsProviderSlow", "too short", "1m", {SLOW: "0 1x20"}),
    silent(Kind.QUIET, "TtsProviderSlow", "as fast as ever", "5m", {SLOW: "0x20", FAILING: "1x20"}),
    silent(
        Kind.FEW,
        "TtsProviderSlow",
        "too few attempts to say: the server does not call it slow",
        "5m",
        {SLOW: "0x20", **TIMES},
    ),
    silent(Kind.MISSING, "TtsProviderSlow", "no server", "5m"),
    fires(
        "TtsProviderFailing",
        "with its share",
        "5m",
        {FAILING: "0 1x20", **ATTEMPTS},
        Firing("Fewer than 95 % of the attempts of coqui succeed: 90% in the last five minutes.", COQUI),
    ),
    fires(
        "TtsProviderFailing",
        "without it",
        "5m",
        {FAILING: "0 1x20"},
        Firing("Fewer than 95 % of the attempts of coqui succeed: unknown in the last five minutes.", COQUI),
    ),
    silent(Kind.EDGE, "TtsProviderFailing", "too short", "1m", {FAILING: "0 1x20"}),
    silent(Kind.QUIET, "TtsProviderFailing", "ends two minutes after the fault", "9m", {FAILING: "0 1x4 0x20"}),
    silent(
        Kind.FEW,
        "TtsProviderFailing",
        "too few attempts to say: the server does not call it failing",
        "5m",
        {FAILING: "0x20", **ATTEMPTS},
    ),
    silent(Kind.MISSING, "TtsProviderFailing", "no server", "5m"),
    fires(
        "TtsProviderUnavailable",
        "one of two",
        "5m",
        {AVAILABLE: "1 0x20", OTHER: "1x20"},
        Firing("coqui failed its health check and receives no more requests; other providers answer instead.", COQUI),
    ),
    silent(Kind.EDGE, "TtsProviderUnavailable", "too short", "1m", {AVAILABLE: "1 0x20"}),
    silent(Kind.QUIET, "TtsProviderUnavailable", "both are there", "5m", {AVAILABLE: "1x20", OTHER: "1x20"}),
    silent(Kind.MISSING, "TtsProviderUnavailable", "no server", "5m"),
    fires(
        "TtsNoProvider",
        "both are gone",
        "5m",
        {AVAILABLE: "1 0x20", OTHER: "1 0x20"},
        Firing("No provider of the server a is available.", {"instance": "a"}),
    ),
    silent(Kind.EDGE, "TtsNoProvider", "one is left", "5m", {AVAILABLE: "1 0x20", OTHER: "1x20"}),
    silent(Kind.MISSING, "TtsNoProvider", "no server", "5m"),
)
