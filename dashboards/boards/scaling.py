"""The row of the Engine and system dashboard about the number of servers: the signals of automatic scaling."""

from __future__ import annotations

from dashboards.panel import Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED
from otel.contract import scaling

SERVERS = Panel(
    "server-count",
    "Servers",
    f"Servers that sent metrics within {scaling.RECENT}, starting ones included. With automatic scaling "
    "(docs/scaling.md) it follows the load in the two panels beside it.",
    "lines",
    Unit.NUMBER,
    (Query(scaling.servers(SELECTED), "servers"),),
)
BUSY = Panel(
    "busy-threads",
    "Busy threads per server",
    "Threads that make audio, per server. Automatic scaling holds it near the line, which is "
    f"{scaling.BUSY_SHARE * 100:.0f} % of a server's two threads (TTSCOPE_THREADS). If it stays above, look at "
    "`kubectl describe hpa server`: the largest number of servers may be reached.",
    "lines",
    Unit.NUMBER,
    (Query(scaling.per_server(scaling.busy_threads(SELECTED), SELECTED), "busy threads"),),
    thresholds=(Threshold(scaling.BUSY_THREADS, "warning"),),
)
QUEUED = Panel(
    "queued-audio-per-server",
    "Queued audio per server",
    "Seconds of audio that requests wait for, per server. Above the line, automatic scaling adds servers at once. "
    "A short peak is one long text; a line that stays above means that no server could be added.",
    "lines",
    Unit.SECONDS,
    (Query(scaling.per_server(scaling.queued_audio(SELECTED), SELECTED), "audio"),),
    thresholds=(Threshold(scaling.QUEUE_SECONDS, "warning"),),
)
SCALING = Row("Number of servers", (SERVERS, BUSY, QUEUED))
