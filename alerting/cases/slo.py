"""Tests of the alerts on burn rates."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent
from alerting.cases.readings import at_most

AVAILABILITY, LATENCY, CONTINUITY = "TtsSloAvailabilityBurn", "TtsSloLatencyBurn", "TtsSloContinuityBurn"
PLAYBACK = "TtsSloPlaybackBurn"
OK, FAILED = 'tts_requests_total{outcome="ok"}', 'tts_errors_total{side="server"}'
FULL = 'tts_errors_total{side="server",error_type="too_many_connections"}'
ENDED_EARLY = 'tts_connections_ended_early_total{reason="full"}'
CLIENTS_MISTAKES = {
    'tts_errors_total{side="client",error_type="invalid_text"}': "0+60x90",
    'tts_requests_total{outcome="rejected"}': "0+60x90",
    'tts_requests_total{outcome="cancelled"}': "0+60x90",
}
ROUTE = 'word_count_range="26-50"'
WORDS, UNDERRUN = "tts_word_count_duration_seconds", "tts_stream_underrun_seconds"
BURNING = (
    "{share} of the requests of the last {window} missed the objective: {objective}. A burn rate of {factor} uses {spent} "
    "of the error budget of 30 days within {window}."
)
FACTORS = {"1h": ("14.4", "2%"), "6h": ("6", "5%"), "1d": ("3", "10%"), "3d": ("1", "10%")}
"""The burn rate of each long window, and the part of the error budget that it uses."""


def calls(ok: str, failed: str) -> dict[str, str]:
    """Returns the series of requests that succeed, and of those that fail."""
    return {OK: ok, FAILED: failed}


def timed(in_time: str, every: str, route: str = ROUTE) -> dict[str, str]:
    """Returns the series of texts of 26 to 50 words: those ready within five seconds, and all."""
    return at_most(WORDS, "5", (in_time, every), route)


def streamed(continuous: str, every: str, bound: str = "0.1") -> dict[str, str]:
    """Returns the series of streams: those with at most ``bound`` seconds of silence, and all."""
    return {f'{UNDERRUN}_bucket{{le="{bound}"}}': continuous, f"{UNDERRUN}_count": every}


def unavailable(share: str, window: str) -> Firing:
    """Returns the expected alert on availability for a long window."""
    objective = "99.5 % of requests neither fail nor are rejected because of the server"
    return _burning(share, window, objective, {"slo": "availability"})


def late(share: str, window: str) -> Firing:
    """Returns the expected alert on latency for a long window."""
    labels = {"slo": "latency", "word_count_range": "26-50"}
    return _burning(share, window, "95 % of texts of 26-50 words are ready in time", labels)


def broken(share: str, window: str) -> Firing:
    """Returns the expected alert on continuity for a long window."""
    return _burning(share, window, "99 % of streams have no underrun above 100 ms", {"slo": "continuity"})


def played(good: str, bad: str, rating: str = "late") -> dict[str, str]:
    """Returns the series of playbacks that are good, and of those with another rating."""
    return {'tts_playbacks_total{rating="good"}': good, f'tts_playbacks_total{{rating="{rating}"}}': bad}


def disappointed(share: str, window: str) -> Firing:
    """Returns the expected alert on playback for a long window."""
    objective = "95 % of playbacks sound within 500 ms of the listener's click and have no gap"
    return _burning(share, window, objective, {"slo": "playback"})


def _burning(share: str, window: str, objective: str, labels: dict[str, str]) -> Firing:
    factor, spent = FACTORS[window]
    says = BURNING.format(share=share, window=window, objective=objective, factor=factor, spent=spent)
    return Firing(says, labels, {"long_window": window})


CASES: tuple[Case, ...] = (
    fires(
        AVAILABILITY,
        "8 % fail from the beginning",
        "20m",
        calls("0+92x60", "0+8x60"),
        unavailable("8%", "1h"),
        unavailable("8%", "6h"),
        unavailable("8%", "1d"),
    ),
    fires(
        AVAILABILITY,
        "2 % fail: a warning is enough",
        "40m",
        calls("0+98x60", "0+2x60"),
        unavailable("2%", "1d"),
        unavailable("2%", "3d"),
    ),
    fires(
        AVAILABILITY,
        "1 % fail",
        "40m",
        calls("0+99x60", "0+1x60"),
        unavailable("1%", "3d"),
    ),
    fires(
        AVAILABILITY,
        "60 of 1,000 are rejected since the queue is full: a burn rate of 12",
        "20m",
        {OK: "0+940x60", 'tts_errors_total{side="server",error_type="queue_full"}': "0+60x60"},
        unavailable("6%", "6h"),
        unavailable("6%", "1d"),
    ),
    fires(
        AVAILABILITY,
        "60 of 1,000 find no connection, and are bad once",
        "20m",
        {OK: "0+940x60", FULL: "0+60x60", ENDED_EARLY: "0+60x60"},
        unavailable("6%", "6h"),
        unavailable("6%", "1d"),
    ),
    silent(Kind.QUIET, AVAILABILITY, "mistakes of clients, and clients that leave", "60m", CLIENTS_MISTAKES),
    silent(
        Kind.QUIET, AVAILABILITY, "mistakes of clients beside good requests", "60m", {OK: "0+40x90", **CLIENTS_MISTAKES}
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
        "ten minutes of outage, an hour ago: only warnings are left",
        calls("0+100x90", "0x10 0+100x10 1000x70"),
        "85m",
        (
            unavailable("10.43%", "1d"),
            unavailable("10.43%", "3d"),
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
        late("80%", "1h"),
        late("80%", "6h"),
    ),
    fires(
        LATENCY,
        "20 % are late",
        "25m",
        timed("0+80x60", "0+100x60"),
        late("20%", "1d"),
    ),
    fires(
        LATENCY,
        "6 % are late",
        "40m",
        timed("0+94x60", "0+100x60"),
        late("6%", "3d"),
    ),
    silent(Kind.EDGE, LATENCY, "4.9 % are late, as promised", "60m", timed("0+95.1x90", "0+100x90")),
    silent(Kind.QUIET, LATENCY, "another range", "20m", timed("0+95x60", "0+100x60", 'word_count_range="1-10"')),
    silent(Kind.FEW, LATENCY, "four of four are late", "20m", timed("0x60", "0 1 2 3 4x60")),
    silent(Kind.MISSING, LATENCY, "no requests", "20m"),
    fires(
        CONTINUITY,
        "20 % of the streams have more than 100 ms of silence",
        "20m",
        streamed("0+80x60", "0+100x60"),
        broken("20%", "1h"),
        broken("20%", "6h"),
        broken("20%", "1d"),
    ),
    fires(
        CONTINUITY,
        "4 % do: a warning is enough",
        "40m",
        streamed("0+96x60", "0+100x60"),
        broken("4%", "1d"),
        broken("4%", "3d"),
    ),
    silent(Kind.EDGE, CONTINUITY, "0.9 % do, as promised", "60m", streamed("0+99.1x90", "0+100x90")),
    silent(
        Kind.QUIET,
        CONTINUITY,
        "all have gaps of up to 50 ms",
        "20m",
        {**streamed("0x60", "0+100x60", "0.0"), **streamed("0+100x60", "0+100x60")},
    ),
    silent(Kind.FEW, CONTINUITY, "four of four do", "20m", streamed("0x60", "0 1 2 3 4x60")),
    silent(Kind.MISSING, CONTINUITY, "no streams", "20m"),
    fires(
        PLAYBACK,
        "80 % begin late",
        "12m",
        played("0+20x60", "0+80x60"),
        disappointed("80%", "1h"),
        disappointed("80%", "6h"),
    ),
    fires(PLAYBACK, "20 % have gaps", "25m", played("0+80x60", "0+20x60", "gaps"), disappointed("20%", "1d")),
    fires(
        PLAYBACK,
        "6 % begin late and have gaps",
        "40m",
        played("0+94x60", "0+6x60", "late_gaps"),
        disappointed("6%", "3d"),
    ),
    silent(Kind.EDGE, PLAYBACK, "4.9 % begin late, as promised", "60m", played("0+95.1x90", "0+4.9x90")),
    silent(Kind.QUIET, PLAYBACK, "half are stopped before they sound", "60m", played("0+50x90", "0+50x90", "none")),
    silent(Kind.FEW, PLAYBACK, "four of four begin late", "20m", played("0x60", "0 1 2 3 4x60")),
    silent(Kind.MISSING, PLAYBACK, "no player reports", "20m"),
)
