"""Quality and drift: does it sound as it should, and is it still what it was?"""

from __future__ import annotations

from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.promql import at_most, largest, quantile, rate, seen, smallest
from dashboards.traceql import above, given, requests
from otel.contract.labels import DRIFT_COLUMN, FAULT, SLOW_REASON
from otel.contract.metrics import (
    AUDIO_FAULTS,
    DRIFT_CLOCK_SUSPECT,
    DRIFT_CONSECUTIVE,
    DRIFT_DETECTED,
    DRIFT_LAST_RUN,
    DRIFT_LAST_RUN_SUCCESS,
    DRIFT_SCORE,
    DRIFT_THRESHOLD,
    DRIFT_WINDOW_ROWS,
    SLOW_REQUESTS,
    STREAM_UNDERRUN,
)

NOT_JUDGED = "The drift job has not judged a window yet: the first reference takes a day."
NO_JOB = "The drift job does not run, or has not ended a run yet."
NO_STREAM = "Nobody asked for a stream."

FAULTS = Panel(
    "audio-faults",
    "Faults of the audio",
    "Clips a second that were silent, clipped, truncated or far too long, also those that nobody got, as another "
    "provider spoke instead.",
    "stacked",
    Unit.PER_SECOND,
    (Query(seen(AUDIO_FAULTS, (FAULT,)), "{fault}"),),
    traces=requests(given("tts.audio_faults")),
    empty="No clip had a fault.",
    asked=("A9.6",),
    width=6,
)
UNDERRUNS = Panel(
    "underruns",
    "Streams with a gap",
    "The share of streams in which a listener who played from the first chunk on heard silence, as the next one was "
    "not ready.",
    "lines",
    Unit.SHARE,
    (Query(f"1 - {at_most(STREAM_UNDERRUN, 0)} / ({rate(STREAM_UNDERRUN)} > 0)", "with a gap"),),
    traces=requests(above("tts.stream_underrun", 0)),
    empty=NO_STREAM,
    width=6,
)
GAPS = Panel(
    "gaps",
    "Silence inside streams",
    "Of 95 in 100 streams the longest, all gaps together.",
    "lines",
    Unit.SECONDS,
    (Query(quantile(0.95, STREAM_UNDERRUN), "p95"),),
    traces=requests(above("tts.stream_underrun", 0)),
    empty=NO_STREAM,
    width=6,
)
SLOW_REASONS = Panel(
    "slow-reasons",
    "Why requests were slow",
    "Requests a second that took longer than 95 % of the last 256 of their word range, by what cost them most beyond "
    "the usual.",
    "stacked",
    Unit.PER_SECOND,
    (Query(seen(SLOW_REQUESTS, (SLOW_REASON,)), "{reason}"),),
    traces=requests(given("tts.slow_reason")),
    empty="No request was slow for its length.",
    width=6,
)
DRIFT_SHARE = Panel(
    "drift-scores",
    "Scores against thresholds",
    "How far each column of the last window is from the reference, in parts of its threshold: over 1 it counts as "
    "over. drift/README.md says what the columns are.",
    "lines",
    Unit.NUMBER,
    (
        Query(
            f"{largest(DRIFT_SCORE, (DRIFT_COLUMN,))} / ({largest(DRIFT_THRESHOLD, (DRIFT_COLUMN,))} > 0)",
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
    "1 while a column has drifted: it was over its threshold in as many windows in a row as it takes.",
    "states",
    Unit.STATE,
    (Query(largest(DRIFT_DETECTED, (DRIFT_COLUMN,)), "{column}"),),
    thresholds=(Threshold(1, "critical"),),
    empty=NOT_JUDGED,
    width=12,
)
CONSECUTIVE = Panel(
    "drift-windows",
    "Windows over the threshold",
    "Windows in a row, up to the last one judged; columns that are not over are left out.",
    "bars",
    Unit.NUMBER,
    (Query(f"{largest(DRIFT_CONSECUTIVE, (DRIFT_COLUMN,))} > 0", "{column}"),),
    empty="No column is over its threshold.",
    width=4,
)
ROWS = Panel(
    "drift-rows",
    "Requests in the last window",
    "Under 200 nothing is decided.",
    "stat",
    Unit.NUMBER,
    (Query(largest(DRIFT_WINDOW_ROWS)),),
    empty=NOT_JUDGED,
    width=4,
)
LAST_RUN = Panel(
    "drift-last-run",
    "Last run of the drift job",
    "When it last ended a run, well or not; it should be within the length of a window.",
    "stat",
    Unit.TIME,
    (Query(f"{largest(DRIFT_LAST_RUN)} * 1000"),),
    empty=NO_JOB,
    width=4,
)
LAST_RUN_SUCCESS = Panel(
    "drift-last-run-success",
    "It judged all that was due",
    "No: it failed, or its reference can't be used.",
    "stat",
    Unit.STATE,
    (Query(smallest(DRIFT_LAST_RUN_SUCCESS)),),
    thresholds=(Threshold(1, "critical", below=True),),
    empty=NO_JOB,
    width=3,
)
CLOCK = Panel(
    "drift-clock",
    "Its clock is suspect",
    "1 while the drift job does not believe its clock: it neither judges nor deletes anything.",
    "stat",
    Unit.STATE,
    (Query(largest(DRIFT_CLOCK_SUSPECT), "not believed"),),
    thresholds=(Threshold(1, "critical"),),
    empty=NO_JOB,
    width=3,
)
REPORT = Panel(
    "drift-report",
    "The last report",
    "What changed, by how much, since when, and where it concentrates, in words: the pages of the last windows are on "
    "the [live dashboard]({dashboard_url}/drift), in [MLflow]({mlflow_url}) as runs, and in the drift job's folder as "
    "`index.html` (`var/stack/drift` with `make stack`).",
    "text",
    Unit.NUMBER,
    None,
    width=6,
)

QUALITY = Board(
    "ttscope-quality",
    "Quality and drift",
    "Does it sound as it should, and is it still what it was?",
    (
        Row("Quality", (FAULTS, UNDERRUNS, GAPS, SLOW_REASONS)),
        Row("Drift", (DRIFT_SHARE, DETECTED, CONSECUTIVE, ROWS, LAST_RUN, LAST_RUN_SUCCESS, CLOCK, REPORT)),
    ),
)
