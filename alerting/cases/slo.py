"""Burn rates, firing and silent."""

from __future__ import annotations

from alerting.alerts.slo import BURNS
from alerting.case import Case, Firing, Kind, fires, silent

AVAILABILITY, LATENCY = "TtsSloAvailabilityBurn", "TtsSloLatencyBurn"
OK, FAILED = 'tts_requests_total{outcome="ok"}', 'tts_errors_total{side="server"}'
ROUTE = 'word_count_range="26-50"'
WORDS = "tts_word_count_duration_seconds"
THIS = {"slo": "availability"}
RANGE = {"slo": "latency", "word_count_range": "26-50"}
HOUR, QUARTER_DAY, DAY, THREE_DAYS = ({"long_window": burn.long} for burn in BURNS)


def calls(ok: str, failed: str) -> dict[str, str]:
    """Calls that end well, and that don't."""
    return {OK: ok, FAILED: failed}


def timed(in_time: str, every: str, route: str = ROUTE) -> dict[str, str]:
    """Texts of 26 to 50 words: those ready within five seconds, and all."""
    return {f'{WORDS}_bucket{{{route},le="5"}}': in_time, f"{WORDS}_count{{{route}}}": every}


CASES: tuple[Case, ...] = (
    fires(
        AVAILABILITY,
        "8 % fail from the beginning",
        "20m",
        calls("0+92x60", "0+8x60"),
        Firing(
            "8% of the calls of the last 1h were bad; promised is that 99.5 % of calls for audio neither fail nor are refused by the server's fault. At 14.4 times the pace that this allows, 2% of what may go wrong in 30 days goes wrong in 1h.",
            THIS,
            HOUR,
        ),
        Firing(
            "8% of the calls of the last 6h were bad; promised is that 99.5 % of calls for audio neither fail nor are refused by the server's fault. At 6 times the pace that this allows, 5% of what may go wrong in 30 days goes wrong in 6h.",
            THIS,
            QUARTER_DAY,
        ),
        Firing(
            "8% of the calls of the last 1d were bad; promised is that 99.5 % of calls for audio neither fail nor are refused by the server's fault. At 3 times the pace that this allows, 10% of what may go wrong in 30 days goes wrong in 1d.",
            THIS,
            DAY,
        ),
    ),
    fires(
        AVAILABILITY,
        "2 % fail: a warning is enough",
        "40m",
        calls("0+98x60", "0+2x60"),
        Firing(
            "2% of the calls of the last 1d were bad; promised is that 99.5 % of calls for audio neither fail nor are refused by the server's fault. At 3 times the pace that this allows, 10% of what may go wrong in 30 days goes wrong in 1d.",
            THIS,
            DAY,
        ),
        Firing(
            "2% of the calls of the last 3d were bad; promised is that 99.5 % of calls for audio neither fail nor are refused by the server's fault. At 1 times the pace that this allows, 10% of what may go wrong in 30 days goes wrong in 3d.",
            THIS,
            THREE_DAYS,
        ),
    ),
    fires(
        AVAILABILITY,
        "1 % fail",
        "40m",
        calls("0+99x60", "0+1x60"),
        Firing(
            "1% of the calls of the last 3d were bad; promised is that 99.5 % of calls for audio neither fail nor are refused by the server's fault. At 1 times the pace that this allows, 10% of what may go wrong in 30 days goes wrong in 3d.",
            THIS,
            THREE_DAYS,
        ),
    ),
    silent(Kind.EDGE, AVAILABILITY, "0.5 % fail, as promised", "60m", calls("0+199x90", "0+1x90")),
    silent(
        Kind.EDGE,
        AVAILABILITY,
        "all of the last minute failed, after a good hour",
        "62m",
        calls("0+100x60 6000x10", "0x60 100 200x10"),
    ),
    Case(
        AVAILABILITY,
        Kind.QUIET,
        "an outage of ten minutes that ended an hour ago leaves warnings alone",
        calls("0+100x90", "0x10 0+100x10 1000x70"),
        "85m",
        (
            Firing(
                "10.43% of the calls of the last 1d were bad; promised is that 99.5 % of calls for audio neither fail nor are refused by the server's fault. At 3 times the pace that this allows, 10% of what may go wrong in 30 days goes wrong in 1d.",
                THIS,
                DAY,
            ),
            Firing(
                "10.43% of the calls of the last 3d were bad; promised is that 99.5 % of calls for audio neither fail nor are refused by the server's fault. At 1 times the pace that this allows, 10% of what may go wrong in 30 days goes wrong in 3d.",
                THIS,
                THREE_DAYS,
            ),
        ),
    ),
    silent(Kind.FEW, AVAILABILITY, "four of four failed", "20m", calls("0x60", "0 1 2 3 4x60")),
    silent(Kind.MISSING, AVAILABILITY, "no requests", "20m"),
    silent(Kind.MISSING, AVAILABILITY, "no failure yet", "20m", {OK: "0+100x60"}),
    fires(
        LATENCY,
        "80 % are late",
        "12m",
        timed("0+20x60", "0+100x60"),
        Firing(
            "80% of the calls of the last 1h were bad; promised is that 95 % of texts of 26-50 words are ready in time. At 14.4 times the pace that this allows, 2% of what may go wrong in 30 days goes wrong in 1h.",
            RANGE,
            HOUR,
        ),
        Firing(
            "80% of the calls of the last 6h were bad; promised is that 95 % of texts of 26-50 words are ready in time. At 6 times the pace that this allows, 5% of what may go wrong in 30 days goes wrong in 6h.",
            RANGE,
            QUARTER_DAY,
        ),
    ),
    fires(
        LATENCY,
        "20 % are late",
        "25m",
        timed("0+80x60", "0+100x60"),
        Firing(
            "20% of the calls of the last 1d were bad; promised is that 95 % of texts of 26-50 words are ready in time. At 3 times the pace that this allows, 10% of what may go wrong in 30 days goes wrong in 1d.",
            RANGE,
            DAY,
        ),
    ),
    fires(
        LATENCY,
        "6 % are late",
        "40m",
        timed("0+94x60", "0+100x60"),
        Firing(
            "6% of the calls of the last 3d were bad; promised is that 95 % of texts of 26-50 words are ready in time. At 1 times the pace that this allows, 10% of what may go wrong in 30 days goes wrong in 3d.",
            RANGE,
            THREE_DAYS,
        ),
    ),
    silent(Kind.EDGE, LATENCY, "4.9 % are late, as promised", "60m", timed("0+95.1x90", "0+100x90")),
    silent(Kind.QUIET, LATENCY, "another range", "20m", timed("0+95x60", "0+100x60", 'word_count_range="1-10"')),
    silent(Kind.FEW, LATENCY, "four of four are late", "20m", timed("0x60", "0 1 2 3 4x60")),
    silent(Kind.MISSING, LATENCY, "no requests", "20m"),
)
