"""The panels of sockets whose text arrives in pieces: a row of Service."""

from __future__ import annotations

from dashboards.panel import Panel, Query, Row, Unit
from dashboards.scope import SELECTED
from otel.contract.labels import ENDPOINT, INTERRUPTION_POINT, SOCKET_END
from otel.contract.streaming_metrics import SOCKETS, SOCKETS_CLOSED, UTTERANCE_FIRST_AUDIO, UTTERANCE_INTERRUPTION

NO_SOCKETS = "No client has opened a WebSocket (docs/voice_agents.md)."

OPEN_SOCKETS = Panel(
    "sockets",
    "Open sockets",
    "Sockets over which clients send texts in pieces, by path. Each holds a connection while it is open; "
    "TTSCOPE_MAX_SOCKETS limits them.",
    "stacked",
    Unit.NUMBER,
    (Query(SELECTED.total(SOCKETS, by=(ENDPOINT,)), "{endpoint}"),),
    empty=NO_SOCKETS,
    width=6,
)
FIRST_AUDIO = Panel(
    "utterance-first-audio",
    "First audio of utterances",
    "Median and 95th percentile of the time from the arrival of the last text that an utterance needs to its first "
    "audio, by path. It is what a listener waits for after the text is there.",
    "lines",
    Unit.SECONDS,
    (
        Query(SELECTED.quantile(0.5, UTTERANCE_FIRST_AUDIO, by=(ENDPOINT,)), "{endpoint} p50"),
        Query(SELECTED.quantile(0.95, UTTERANCE_FIRST_AUDIO, by=(ENDPOINT,)), "{endpoint} p95"),
    ),
    empty=NO_SOCKETS,
    width=6,
)
CLOSED_SOCKETS = Panel(
    "sockets-closed",
    "Why sockets ended",
    "Sockets that ended per second by reason. Many that are lost or slow_reader point to the clients' network; failed "
    "is a mistake of the server, and in its log.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(SOCKETS_CLOSED, by=(SOCKET_END,)), "{reason}"),),
    empty=NO_SOCKETS,
    width=6,
)

INTERRUPTIONS = Panel(
    "utterance-interruptions",
    "Where utterances are interrupted",
    "Median and 95th percentile of the speech that had been sent, and played by the client's report (played_ms), when "
    "the client stopped an utterance. Much more sent than played is speech that was made for nobody.",
    "lines",
    Unit.SECONDS,
    (
        Query(SELECTED.quantile(0.5, UTTERANCE_INTERRUPTION, by=(INTERRUPTION_POINT,)), "{point} p50"),
        Query(SELECTED.quantile(0.95, UTTERANCE_INTERRUPTION, by=(INTERRUPTION_POINT,)), "{point} p95"),
    ),
    empty="No client of a socket has stopped an utterance (docs/voice_agents.md).",
    width=6,
)

STREAMING = Row("Texts in pieces", (OPEN_SOCKETS, FIRST_AUDIO, CLOSED_SOCKETS, INTERRUPTIONS))
