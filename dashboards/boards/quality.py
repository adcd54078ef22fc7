"""The Quality and drift dashboard: does the audio sound right, and have traffic or service changed?"""

from __future__ import annotations

from dashboards.boards.playback_panels import PLAYBACK_ROW
from dashboards.boards.recognition_panels import PROBER, WORDS_HEARD
from dashboards.objective import WINDOW, budget_left, burn_rate
from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED
from dashboards.traceql import above, present, requests
from otel.contract.change_metrics import BUILD_WORSE, CHANGE_BEGIN, CHANGE_DETECTED, CHANGE_LAST_CHECK, CHANGE_RATIO
from otel.contract.drift_metrics import (
    DRIFT_CLOCK_SUSPECT,
    DRIFT_CONSECUTIVE,
    DRIFT_DETECTED,
    DRIFT_LAST_RUN,
    DRIFT_LAST_RUN_SUCCESS,
    DRIFT_SCORE,
    DRIFT_THRESHOLD,
    DRIFT_WINDOW_ROWS,
)
from otel.contract.event_fields import RequestField
from otel.contract.labels import (
    CHANGE_MEASURE,
    CHANGED_PROVIDER,
    CHANGED_VOICE,
    DRIFT_COLUMN,
    FAULT,
    SLOW_REASON,
)
from otel.contract.metrics import AUDIO_FAULTS, SLOW_REQUESTS, STREAM_UNDERRUN
from otel.contract.promql import at_most
from otel.contract.slo import CONTINUITY, UNDERRUN_BOUNDS

NOT_JUDGED = "The drift job has not judged a window yet. It needs a day for its first reference."
NO_JOB = "The drift job is not running, or has not finished its first run."
NOT_TESTED = "The drift job knows no day of requests yet, against which it can test new ones."
CHANGED = (CHANGE_MEASURE, CHANGED_VOICE, CHANGED_PROVIDER)
NO_STREAM = "No request was streamed."

FAULTS = Panel(
    "audio-faults",
    "Audio faults",
    "Clips per second that were silent, clipped, truncated or far too long. Clips that were replaced by another "
    "provider's are included. Look at the traces behind the panel for the voice and the text length.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(AUDIO_FAULTS, by=(FAULT,)), "{fault}"),),
    traces=requests(present(RequestField.AUDIO_FAULTS)),
    empty="No clip had a fault.",
    width=6,
)
UNDERRUNS = Panel(
    "underruns",
    "Streams with a gap",
    "Share of streams in which a listener who starts playing at the first chunk hears silence because a later chunk "
    "is late. When it rises, look at the real-time factor and the queue.",
    "lines",
    Unit.SHARE,
    (
        Query(
            f"1 - {SELECTED.rate(STREAM_UNDERRUN, where=at_most(STREAM_UNDERRUN, 0), suffix='_bucket')} / "
            f"({SELECTED.rate(STREAM_UNDERRUN)} > 0)",
            "with a gap",
        ),
    ),
    traces=requests(above(RequestField.STREAM_UNDERRUN, 0)),
    empty=NO_STREAM,
    width=6,
)
GAPS = Panel(
    "gaps",
    "Silence inside streams",
    "p95 of the total silence in a stream, in seconds.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.quantile(0.95, STREAM_UNDERRUN), "p95"),),
    traces=requests(above(RequestField.STREAM_UNDERRUN, 0)),
    empty=NO_STREAM,
    width=6,
)
CONTINUOUS = Panel(
    "continuity",
    "Streams without an underrun",
    "Share of streams in which a listener heard at most 50, 100 or 200 ms of silence inside the speech, all gaps "
    f"together. The objective: {CONTINUITY.objective * 100:g} % of {CONTINUITY.promise}. When it falls, look at the "
    "real-time factor and the queue.",
    "lines",
    Unit.SHARE,
    tuple(
        Query(
            f"{SELECTED.rate(STREAM_UNDERRUN, where=at_most(STREAM_UNDERRUN, bound), suffix='_bucket')} / "
            f"({SELECTED.rate(STREAM_UNDERRUN)} > 0)",
            f"up to {bound * 1000:.0f} ms",
        )
        for bound in UNDERRUN_BOUNDS
    ),
    thresholds=(Threshold(CONTINUITY.objective, "warning", below=True),),
    traces=requests(above(RequestField.STREAM_UNDERRUN, CONTINUITY.bound)),
    empty=NO_STREAM,
    width=8,
)
CONTINUITY_BUDGET = Panel(
    "continuity-budget",
    "Error budget of continuity left",
    f"Share of the error budget that is left, within {WINDOW} or within Prometheus' retention if that is shorter. The "
    f"objective: {CONTINUITY.objective * 100:g} % of {CONTINUITY.promise}. Below 0 it is missed. When it falls, its "
    "burn rate shows how fast.",
    "stat",
    Unit.SHARE,
    (Query(budget_left(CONTINUITY)),),
    thresholds=(Threshold(0.25, "warning", below=True), Threshold(0, "critical", below=True)),
    empty=NO_STREAM,
    width=6,
)
CONTINUITY_BURN = Panel(
    "continuity-burn-rate",
    "Burn rate of continuity",
    "How fast the error budget of continuity is used, over the last hour and the last six hours. At 1 it lasts "
    f"exactly {WINDOW}, at 14 two days. The runbook is TtsSloContinuityBurn.",
    "lines",
    Unit.NUMBER,
    tuple(Query(burn_rate(over, CONTINUITY), over) for over in ("1h", "6h")),
    thresholds=(Threshold(6, "warning"), Threshold(14, "critical")),
    traces=requests(above(RequestField.STREAM_UNDERRUN, CONTINUITY.bound)),
    empty=NO_STREAM,
    width=10,
)
SLOW_REASONS = Panel(
    "slow-reasons",
    "Why requests were slow",
    "Requests per second that took longer than 95 % of the last 256 requests of their word range, by the cause that "
    "added the most time.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(SLOW_REQUESTS, by=(SLOW_REASON,)), "{reason}"),),
    traces=requests(present(RequestField.SLOW_REASON)),
    empty="No request was slow for its length.",
    width=6,
)
DRIFT_SHARE = Panel(
    "drift-scores",
    "Drift scores relative to thresholds",
    "Score of each column in the last window, divided by its threshold: above 1 the column is over it. "
    "drift/README.md explains the columns.",
    "lines",
    Unit.NUMBER,
    (
        Query(
            f"{SELECTED.largest(DRIFT_SCORE, by=(DRIFT_COLUMN,))} / "
            f"({SELECTED.largest(DRIFT_THRESHOLD, by=(DRIFT_COLUMN,))} > 0)",
            "{column}",
        ),
    ),
    thresholds=(Threshold(1, "warning"),),
    empty=NOT_JUDGED,
    width=12,
)
DETECTED = Panel(
    "drift-detected",
    "Drifted",
    "1 while a column has drifted: it was over its threshold in the required number of consecutive windows. The last "
    "report explains what changed.",
    "states",
    Unit.STATE,
    (Query(SELECTED.largest(DRIFT_DETECTED, by=(DRIFT_COLUMN,)), "{column}"),),
    thresholds=(Threshold(1, "critical"),),
    empty=NOT_JUDGED,
    width=12,
)
CONSECUTIVE = Panel(
    "drift-windows",
    "Consecutive windows over threshold",
    "Consecutive windows, up to the last one judged, in which a column was over its threshold. Columns that are not "
    "over it are left out.",
    "bars",
    Unit.NUMBER,
    (Query(f"{SELECTED.largest(DRIFT_CONSECUTIVE, by=(DRIFT_COLUMN,))} > 0", "{column}"),),
    empty="No column is over its threshold.",
    width=4,
)
ROWS = Panel(
    "drift-rows",
    "Requests in the last window",
    "Requests in the last window. A window with fewer than 200 is not judged.",
    "stat",
    Unit.NUMBER,
    (Query(SELECTED.largest(DRIFT_WINDOW_ROWS)),),
    empty=NOT_JUDGED,
    width=4,
)
LAST_RUN = Panel(
    "drift-last-run",
    "Last run of the drift job",
    "When the drift job last finished a run, successful or not. It should be less than one window ago; otherwise look "
    "at the job's log.",
    "stat",
    Unit.TIME,
    (Query(f"{SELECTED.largest(DRIFT_LAST_RUN)} * 1000"),),
    empty=NO_JOB,
    width=4,
)
LAST_RUN_SUCCESS = Panel(
    "drift-last-run-success",
    "Last run succeeded",
    "Whether the last run judged all windows that were due. If not, it failed or its reference is not usable: look at "
    "the job's log.",
    "stat",
    Unit.STATE,
    (Query(SELECTED.smallest(DRIFT_LAST_RUN_SUCCESS)),),
    thresholds=(Threshold(1, "critical", below=True),),
    empty=NO_JOB,
    width=3,
)
CLOCK = Panel(
    "drift-clock",
    "Clock suspect",
    "1 while the drift job does not trust its clock. Until it does, it neither judges nor deletes anything. The "
    "runbook is TtsDriftClockSuspect.",
    "stat",
    Unit.STATE,
    (Query(SELECTED.largest(DRIFT_CLOCK_SUSPECT), "not believed"),),
    thresholds=(Threshold(1, "critical"),),
    empty=NO_JOB,
    width=3,
)
CHANGES = Panel(
    "changes",
    "Changed within minutes",
    "1 while requests are worse than before: slower for the same text, failing more often, or with more words "
    "misheard. At most one false alarm in 1,000 days is promised. The runbook is TtsChangeDetected.",
    "states",
    Unit.STATE,
    (Query(SELECTED.largest(CHANGE_DETECTED, by=CHANGED), "{measure} {voice_name} {provider}"),),
    thresholds=(Threshold(1, "critical"),),
    empty=NOT_TESTED,
    width=12,
)
CHANGE_SIZE = Panel(
    "change-ratios",
    "Size of changes",
    "The measure after the change divided by before it: latency for the same text, or a share.",
    "lines",
    Unit.NUMBER,
    (Query(SELECTED.largest(CHANGE_RATIO, by=CHANGED), "{measure} {voice_name} {provider}"),),
    empty="Nothing has changed.",
    width=6,
)
BUILDS = Panel(
    "builds-worse",
    "The last build is worse",
    "1 in each measure in which the build that was last judged is worse than those before it. The runbook is "
    "TtsBuildWorse.",
    "states",
    Unit.STATE,
    (Query(SELECTED.largest(BUILD_WORSE, by=(CHANGE_MEASURE,)), "{measure}"),),
    thresholds=(Threshold(1, "critical"),),
    empty="No new build was judged yet.",
    width=12,
)
CHANGE_BEGIN_TIME = Panel(
    "change-begins",
    "Begin of changes",
    "When the changes that have not ended began, by the test's estimate.",
    "stat",
    Unit.TIME,
    (Query(f"{SELECTED.largest(CHANGE_BEGIN, by=CHANGED)} * 1000", "{measure} {voice_name} {provider}"),),
    empty="Nothing has changed.",
    width=6,
)
CHANGE_CHECK = Panel(
    "changes-last-check",
    "Last test of new requests",
    "When new requests were last tested for changes. It should be about a minute ago; otherwise look at the job's log.",
    "stat",
    Unit.TIME,
    (Query(f"{SELECTED.largest(CHANGE_LAST_CHECK)} * 1000"),),
    empty=NO_JOB,
    width=12,
)
REPORT = Panel(
    "drift-report",
    "The last report",
    "What changed, by how much, since when and where it concentrates. The pages of the last windows are on the [live "
    "dashboard]({dashboard_url}/drift), in [MLflow]({mlflow_url}) as runs, and in the drift job's folder as "
    "`index.html` (`var/stack/drift` with `make stack`).",
    "text",
    Unit.NUMBER,
    None,
    width=6,
)

QUALITY = Board(
    "ttscope-quality",
    "Quality and drift",
    "Does the audio sound right, and have traffic or service changed?",
    (
        Row("Quality", (FAULTS, UNDERRUNS, GAPS, SLOW_REASONS)),
        Row("Words heard", WORDS_HEARD),
        Row("Prober", PROBER),
        Row("Continuity of streams", (CONTINUOUS, CONTINUITY_BUDGET, CONTINUITY_BURN)),
        PLAYBACK_ROW,
        Row("Changes within minutes", (CHANGES, CHANGE_SIZE, CHANGE_BEGIN_TIME, BUILDS, CHANGE_CHECK)),
        Row("Drift", (DRIFT_SHARE, DETECTED, CONSECUTIVE, ROWS, LAST_RUN, LAST_RUN_SUCCESS, CLOCK, REPORT)),
    ),
)
