"""The panels of what listeners hear, as their players report it: a row of Quality and drift."""

from __future__ import annotations

from dashboards.objective import WINDOW, budget_left, burn_rate
from dashboards.panel import Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED
from otel.contract.labels import CHAR_COUNT_RANGE, PLAYBACK_END, PLAYBACK_RATING, WORD_COUNT_RANGE
from otel.contract.playback_metrics import (
    PLAYBACK_FIRST_SOUND,
    PLAYBACK_SHARE,
    PLAYBACK_STALL,
    PLAYBACK_STALLS,
    PLAYBACKS,
)
from otel.contract.playback_values import IN_TIME_SECONDS
from otel.contract.slo import PLAYBACK

NO_PLAYER = "No player reports what its listeners hear (docs/playback.md)."
OBJECTIVE = f"The objective: {PLAYBACK.objective * 100:g} % of {PLAYBACK.promise}."

FIRST_SOUND = Panel(
    "playback-first-sound",
    "From the click to the first sound",
    "p95 of the time from the listener's click to the first sound, by the number of words: the server, the network and "
    "the player together. Compare it with the time to first audio, which is the server's part.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.quantile(0.95, PLAYBACK_FIRST_SOUND, by=(WORD_COUNT_RANGE,)), "{word_count_range}"),),
    thresholds=(Threshold(IN_TIME_SECONDS, "warning"),),
    empty=NO_PLAYER,
)
STALL = Panel(
    "playback-stall",
    "Silence that listeners heard",
    "p95 of the silence that players inserted into a playback because audio was missing, by the number of characters. "
    "Where the server's streams have no gap, the network is too slow.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.quantile(0.95, PLAYBACK_STALL, by=(CHAR_COUNT_RANGE,)), "{char_count_range}"),),
    empty=NO_PLAYER,
)
STALLS = Panel(
    "playback-stalls",
    "Stalls per playback",
    "How often a player ran out of audio, as the mean of a playback.",
    "lines",
    Unit.NUMBER,
    (Query(f"{SELECTED.rate(PLAYBACK_STALLS)} / ({SELECTED.rate(PLAYBACK_STALL, suffix='_count')} > 0)", "stalls"),),
    empty=NO_PLAYER,
)
RATINGS = Panel(
    "playback-ratings",
    "What listeners had",
    f"Playbacks per second, by what the listener had of them. {OBJECTIVE}",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(PLAYBACKS, by=(PLAYBACK_RATING,)), "{rating}"),),
    empty=NO_PLAYER,
)
ENDS = Panel(
    "playback-ends",
    "How playbacks end",
    "Playbacks per second, by how they ended. Many that are stopped may mean that listeners do not like what they "
    "hear.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.rate(PLAYBACK_SHARE, by=(PLAYBACK_END,), suffix="_count"), "{end}"),),
    empty=NO_PLAYER,
)
SHARE = Panel(
    "playback-share",
    "Where listeners stop",
    "Median of the share of the audio that was played, by how the playback ended.",
    "lines",
    Unit.SHARE,
    (Query(SELECTED.quantile(0.5, PLAYBACK_SHARE, by=(PLAYBACK_END,)), "{end}"),),
    empty=NO_PLAYER,
)
BUDGET = Panel(
    "playback-budget",
    "Error budget of playback left",
    f"Share of the error budget that is left, within {WINDOW} or within Prometheus' retention if that is shorter. "
    f"{OBJECTIVE} Below 0 it is missed.",
    "stat",
    Unit.SHARE,
    (Query(budget_left(PLAYBACK)),),
    thresholds=(Threshold(0.25, "warning", below=True), Threshold(0, "critical", below=True)),
    empty=NO_PLAYER,
)
BURN = Panel(
    "playback-burn-rate",
    "Burn rate of playback",
    "How fast the error budget of playback is used, over the last hour and the last six hours. At 1 it lasts "
    f"exactly {WINDOW}, at 14 two days. The runbook is TtsSloPlaybackBurn.",
    "lines",
    Unit.NUMBER,
    tuple(Query(burn_rate(over, PLAYBACK), over) for over in ("1h", "6h")),
    thresholds=(Threshold(6, "warning"), Threshold(14, "critical")),
    empty=NO_PLAYER,
    width=16,
)

PLAYBACK_ROW = Row("What listeners hear", (FIRST_SOUND, STALL, STALLS, RATINGS, ENDS, SHARE, BUDGET, BURN))
