"""Alerts on quality: faulty audio, drift, and the drift job itself."""

from __future__ import annotations

from alerting.alert import Alert, Dashboard, Group, Severity, Team, Topic
from otel.contract.change_metrics import BUILD_WORSE, CHANGE_DETECTED
from otel.contract.drift_metrics import (
    DRIFT_CLOCK_SUSPECT,
    DRIFT_DETECTED,
    DRIFT_LAST_RUN,
    DRIFT_LAST_RUN_SUCCESS,
    DRIFT_SCORE,
    DRIFT_THRESHOLD,
    DRIFT_WINDOW_ROWS,
)
from otel.contract.labels import (
    ATTEMPT_OUTCOME,
    CHANGE_MEASURE,
    CHANGED_PROVIDER,
    CHANGED_VOICE,
    DRIFT_COLUMN,
    FAULT,
    PROBE_RESULT,
    VOICE_NAME,
)
from otel.contract.metrics import AUDIO_FAULTS, PROVIDER_REQUESTS
from otel.contract.probe_metrics import PROBES
from otel.contract.promql import UNSCOPED, Where
from otel.contract.verification_metrics import WORD_ERROR_RATE

FAULTS_SHARE = 0.02
ENOUGH_FAULTS = 5
LATE_SECONDS = 2 * 3600 + 600
"""Two windows of the drift job and ten minutes: one missed window may be a restart."""
ROWS = 200
"""A window with fewer rows is not judged (TTSCOPE_DRIFT_MINIMUM_ROWS)."""

WORSE = 0.1
"""The share of words by which a voice's word error rate is worse than usual."""
ENOUGH_CLIPS = 20

UNHEARD: Where = {PROBE_RESULT: ("failed", "misunderstood")}
MOST_UNHEARD = 0.3
ENOUGH_PROBES = 4

CHANGED = (CHANGE_MEASURE, CHANGED_VOICE, CHANGED_PROVIDER)
FAULTY = (FAULT, VOICE_NAME)
CLIPS: Where = {ATTEMPT_OUTCOME: ("ok", "faulty")}


def _probes(results: Where | None) -> str:
    return UNSCOPED.increase(PROBES, by=(VOICE_NAME,), where=results, over="15m")


def _word_error_rate(over: str) -> str:
    total, clips = (
        UNSCOPED.rate(WORD_ERROR_RATE, by=(VOICE_NAME,), over=over, suffix=suffix) for suffix in ("_sum", "_count")
    )
    return f"{total} / ({clips} > 0)"


def _of_column(metric: str) -> str:
    query = f'max({metric}{{column="%s"}})'
    return f"{{{{ with printf `{query}` $labels.column | query }}}}{{{{ . | first | value | printf `%.3g` }}}}{{{{ end }}}}"


GROUP = Group(
    "quality",
    "Quality: faulty audio, drift, and the drift job.",
    (
        Alert(
            name="TtsAudioFaults",
            expr=f"{UNSCOPED.increase(AUDIO_FAULTS, by=FAULTY, over='15m')}\n"
            f"/ on () group_left () {UNSCOPED.increase(PROVIDER_REQUESTS, where=CLIPS, over='15m')} > {FAULTS_SHARE:g}\n"
            f"and {UNSCOPED.increase(AUDIO_FAULTS, by=FAULTY, over='15m')} >= {ENOUGH_FAULTS}",
            hold="2m",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.AUDIO,
            summary="The voice {{ $labels.voice_name }} produces {{ $labels.fault }} audio",
            description="{{ $value | humanizePercentage }} of all clips of the last 15 minutes have the fault "
            "{{ $labels.fault }} and the voice {{ $labels.voice_name }}; "
            f"the limit is {FAULTS_SHARE:.0%}.",
            dashboard=Dashboard.QUALITY,
            keep="5m",
        ),
        Alert(
            name="TtsWordErrorRateHigh",
            expr=f"{_word_error_rate('6h')}\n- {_word_error_rate('7d')} > {WORSE:g}\n"
            f"and {UNSCOPED.rate(WORD_ERROR_RATE, by=(VOICE_NAME,), over='6h', suffix='_count')} * 21600 >= {ENOUGH_CLIPS}",
            hold="10m",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.AUDIO,
            summary="The words of the voice {{ $labels.voice_name }} are not understood as usual",
            description="In the last six hours, the word error rate of the voice {{ $labels.voice_name }} is "
            "{{ $value | humanizePercentage }} of the words above its mean of seven days; "
            f"the limit is {WORSE:.0%}.",
            dashboard=Dashboard.QUALITY,
            keep="30m",
        ),
        Alert(
            name="TtsProbeFailing",
            expr=f"{_probes(UNHEARD)}\n/ {_probes(None)} > {MOST_UNHEARD:g}\nand {_probes(UNHEARD)} >= {ENOUGH_PROBES}",
            hold="2m",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.AUDIO,
            summary="The prober does not hear the words of the voice {{ $labels.voice_name }}",
            description="{{ $value | humanizePercentage }} of the prober's requests of the last 15 minutes with the voice "
            f"{{{{ $labels.voice_name }}}} failed or were not understood; the limit is {MOST_UNHEARD:.0%}.",
            dashboard=Dashboard.QUALITY,
            keep="5m",
        ),
        Alert(
            name="TtsDriftDetected",
            expr=f"{UNSCOPED.largest(DRIFT_DETECTED, by=(DRIFT_COLUMN,))} == 1",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.DRIFT,
            summary="Drift of {{ $labels.column }}",
            description="{{ $labels.column }} differs from the reference: its score is "
            f"{_of_column(UNSCOPED.series(DRIFT_SCORE))}, its threshold {_of_column(UNSCOPED.series(DRIFT_THRESHOLD))}.",
            dashboard=Dashboard.QUALITY,
        ),
        Alert(
            name="TtsChangeDetected",
            expr=f"{UNSCOPED.largest(CHANGE_DETECTED, by=CHANGED)} == 1",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.DRIFT,
            summary="{{ $labels.measure }} has become worse",
            description="{{ $labels.measure }} is worse than before since a few minutes: the test is sure. The drift "
            "job's page changes.html says since when, by how much, and since which build.",
            dashboard=Dashboard.QUALITY,
        ),
        Alert(
            name="TtsBuildWorse",
            expr=f"{UNSCOPED.largest(BUILD_WORSE, by=(CHANGE_MEASURE,))} == 1",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.DRIFT,
            summary="The new build is worse in {{ $labels.measure }}",
            description="The build that was last deployed is worse in {{ $labels.measure }} than those before it. The "
            "drift job's page changes.html names the build and says by how much.",
            dashboard=Dashboard.QUALITY,
        ),
        Alert(
            name="TtsDriftJobNotRun",
            expr=f"time() - {UNSCOPED.largest(DRIFT_LAST_RUN, over='1d')} > {LATE_SECONDS}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.DRIFT,
            summary="The drift job is not running",
            description="Its last run ended {{ $value | humanizeDuration }} ago; it should run every hour.",
            dashboard=Dashboard.QUALITY,
        ),
        Alert(
            name="TtsDriftJobFailed",
            expr=f"{UNSCOPED.largest(DRIFT_LAST_RUN_SUCCESS)} == 0",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.DRIFT,
            summary="The drift job fails",
            description="Its last run did not judge all windows that were due, or its reference is not usable.",
            dashboard=Dashboard.QUALITY,
        ),
        Alert(
            name="TtsDriftClockSuspect",
            expr=f"{UNSCOPED.largest(DRIFT_CLOCK_SUSPECT)} == 1",
            hold="75m",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.DRIFT,
            summary="The drift job does not trust its clock",
            description="The clock of the drift job's machine jumped, or the machine was off for weeks. Nothing is "
            "judged and nothing is deleted until the clock is right, or has run evenly for long enough.",
            dashboard=Dashboard.QUALITY,
        ),
        Alert(
            name="TtsDriftOutOfData",
            expr=f"{UNSCOPED.largest(DRIFT_WINDOW_ROWS, over='1d')} < {ROWS}\nand {UNSCOPED.largest(DRIFT_WINDOW_ROWS, over='7d')} >= {ROWS}",
            hold="1h",
            severity=Severity.WARNING,
            team=Team.QUALITY,
            topic=Topic.DRIFT,
            summary="The drift job has too little data",
            description="No window of the last day had more than {{ $value | humanize }} requests. A window "
            f"needs {ROWS}, and at least one window of the last seven days had as many.",
            dashboard=Dashboard.QUALITY,
        ),
    ),
)
