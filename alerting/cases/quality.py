"""Tests of the alerts on quality."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent

SILENT = {"fault": "silent", "voice_name": "joe"}
FAULTS = 'tts_audio_faults_total{fault="silent",voice_name="joe"}'
CLIPS = 'tts_provider_requests_total{outcome="ok"}'
LATENCY = {"column": "latency"}
DETECTED, SCORE, THRESHOLD = (f'tts_drift_{name}{{column="latency"}}' for name in ("detected", "score", "threshold"))
RUN, SUCCESS, ROWS = (
    "tts_drift_last_run_timestamp_seconds",
    "tts_drift_last_run_success",
    "tts_drift_window_rows",
)
CHANGE = 'tts_change_detected{measure="latency",voice_name="amy"}'
BUILD = 'tts_build_worse{measure="failures"}'
SUSPECT = "tts_drift_clock_suspect"


HEARD, UNHEARD = (
    f'tts_probe_requests_total{{voice_name="joe",result="{result}"}}' for result in ("understood", "misunderstood")
)


def recognised(usual: float, today: float, clips: float = 10) -> dict[str, str]:
    """Returns series of ``clips`` recognised clips an hour, of which each has the rate ``usual``, and ``today`` in the
    last six hours of seven days."""
    labels, hours = '{voice_name="joe",word_count_range="11-25"}', 7 * 24 - 6
    before = usual * clips * hours
    return {
        f"tts_word_error_rate_count{labels}": f"0+{clips:g}x{7 * 24}",
        f"tts_word_error_rate_sum{labels}": f"0+{usual * clips:g}x{hours} {before + today * clips:g}+{today * clips:g}x8",
    }


CASES: tuple[Case, ...] = (
    fires(
        "TtsAudioFaults",
        "3 % are silent",
        "20m",
        {FAULTS: "0+3x30", CLIPS: "0+100x30"},
        Firing(
            "3% of all clips of the last 15 minutes have the fault silent and the voice joe; the limit is 2%.", SILENT
        ),
    ),
    silent(Kind.EDGE, "TtsAudioFaults", "2 % are silent", "20m", {FAULTS: "0+2x30", CLIPS: "0+100x30"}),
    silent(
        Kind.FEW,
        "TtsAudioFaults",
        "three faults of three clips",
        "20m",
        {FAULTS: "0x10 1 2 3x20", CLIPS: "0x10 1 2 3x20"},
    ),
    silent(Kind.MISSING, "TtsAudioFaults", "no fault yet", "20m", {CLIPS: "0+100x30"}),
    fires(
        "TtsWordErrorRateHigh",
        "30 % instead of 5 %",
        "7d",
        recognised(0.05, 0.30),
        Firing(
            "In the last six hours, the word error rate of the voice joe is 24.11% of the words above its mean of seven "
            "days; the limit is 10%.",
            {"voice_name": "joe"},
        ),
        interval="1h",
    ),
    silent(Kind.EDGE, "TtsWordErrorRateHigh", "15 % instead of 5 %", "7d", recognised(0.05, 0.15), "1h"),
    silent(Kind.QUIET, "TtsWordErrorRateHigh", "always 30 %", "7d", recognised(0.30, 0.30), "1h"),
    silent(Kind.FEW, "TtsWordErrorRateHigh", "three clips an hour", "7d", recognised(0.05, 0.30, clips=3), "1h"),
    silent(Kind.MISSING, "TtsWordErrorRateHigh", "nothing is recognised", "7d", interval="1h"),
    fires(
        "TtsProbeFailing",
        "half are not understood",
        "20m",
        {HEARD: "0+1x30", UNHEARD: "0+1x30"},
        Firing(
            "50% of the prober's requests of the last 15 minutes with the voice joe failed or were not understood; the "
            "limit is 30%.",
            {"voice_name": "joe"},
        ),
    ),
    silent(Kind.EDGE, "TtsProbeFailing", "3 of 10", "20m", {HEARD: "0+7x30", UNHEARD: "0+3x30"}),
    silent(Kind.QUIET, "TtsProbeFailing", "all are understood", "20m", {HEARD: "0+2x30", UNHEARD: "0x30"}),
    silent(Kind.FEW, "TtsProbeFailing", "three of three", "20m", {HEARD: "0x30", UNHEARD: "0x10 1 2 3x20"}),
    silent(Kind.MISSING, "TtsProbeFailing", "there is no prober", "20m"),
    fires(
        "TtsDriftDetected",
        "with score and threshold",
        "5m",
        {DETECTED: "0 1x20", SCORE: "0.3124x20", THRESHOLD: "0.1x20"},
        Firing("latency differs from the reference: its score is 0.312, its threshold 0.1.", LATENCY),
    ),
    silent(
        Kind.EDGE,
        "TtsDriftDetected",
        "over the threshold in one window",
        "5m",
        {DETECTED: "0x20", SCORE: "0.3x20", THRESHOLD: "0.1x20"},
    ),
    silent(Kind.MISSING, "TtsDriftDetected", "nothing judged yet", "5m"),
    fires(
        "TtsChangeDetected",
        "a voice is slower",
        "5m",
        {CHANGE: "0 1x20"},
        Firing(
            "latency is worse than before since a few minutes: the test is sure. The drift job's page changes.html says "
            "since when, by how much, and since which build.",
            {"measure": "latency", "voice_name": "amy"},
        ),
    ),
    silent(Kind.QUIET, "TtsChangeDetected", "nothing has changed", "5m", {CHANGE: "0x20"}),
    silent(Kind.EDGE, "TtsChangeDetected", "the change is over", "15m", {CHANGE: "1x10 0x10"}),
    silent(Kind.MISSING, "TtsChangeDetected", "nothing tested yet", "5m"),
    fires(
        "TtsBuildWorse",
        "worse in failures",
        "5m",
        {BUILD: "0 1x20"},
        Firing(
            "The build that was last deployed is worse in failures than those before it. The drift job's page "
            "changes.html names the build and says by how much.",
            {"measure": "failures"},
        ),
    ),
    silent(Kind.QUIET, "TtsBuildWorse", "no worse", "5m", {BUILD: "0x20"}),
    silent(Kind.EDGE, "TtsBuildWorse", "another build was judged since", "15m", {BUILD: "1x10 0x10"}),
    silent(Kind.MISSING, "TtsBuildWorse", "no build was judged", "5m"),
    fires(
        "TtsDriftJobNotRun",
        "two hours and 16 minutes",
        "136m",
        {RUN: "0x200"},
        Firing("Its last run ended 2h 16m 0s ago; it should run every hour."),
    ),
    fires(
        "TtsDriftJobNotRun",
        "the job itself is gone",
        "300m",
        {RUN: "0x60"},
        Firing("Its last run ended 5h 0m 0s ago; it should run every hour."),
    ),
    silent(Kind.EDGE, "TtsDriftJobNotRun", "two hours and ten minutes", "130m", {RUN: "0x200"}),
    silent(Kind.MISSING, "TtsDriftJobNotRun", "there is no drift job", "300m"),
    fires(
        "TtsDriftJobFailed",
        "failed",
        "10m",
        {SUCCESS: "1 0x20"},
        Firing("Its last run did not judge all windows that were due, or its reference is not usable."),
    ),
    silent(Kind.EDGE, "TtsDriftJobFailed", "too short", "5m", {SUCCESS: "1 0x20"}),
    silent(Kind.QUIET, "TtsDriftJobFailed", "well", "10m", {SUCCESS: "1x20"}),
    silent(Kind.MISSING, "TtsDriftJobFailed", "there is no drift job", "10m"),
    fires(
        "TtsDriftClockSuspect",
        "for longer than a machine that was off takes",
        "80m",
        {SUSPECT: "0 1x100"},
        Firing(
            "The clock of the drift job's machine jumped, or the machine was off for weeks. Nothing is judged and nothing "
            "is deleted until the clock is right, or has run evenly for long enough."
        ),
    ),
    silent(Kind.EDGE, "TtsDriftClockSuspect", "for an hour", "75m", {SUSPECT: "0 1x60 0x60"}),
    silent(Kind.QUIET, "TtsDriftClockSuspect", "the clock is right", "80m", {SUSPECT: "0x100"}),
    silent(Kind.MISSING, "TtsDriftClockSuspect", "there is no drift job", "80m"),
    fires(
        "TtsDriftOutOfData",
        "199 in the best hour of a day",
        "1600m",
        {ROWS: "200x60 199x1600"},
        Firing(
            "No window of the last day had more than 199 requests. A window needs 200, and at least one window of the last seven days had as many."
        ),
    ),
    silent(
        Kind.EDGE, "TtsDriftOutOfData", "one window of 200 within the day", "1600m", {ROWS: "199x800 200x60 199x1600"}
    ),
    silent(Kind.QUIET, "TtsDriftOutOfData", "there never was enough", "1600m", {ROWS: "10x2000"}),
    silent(Kind.MISSING, "TtsDriftOutOfData", "there is no drift job", "1600m"),
)
