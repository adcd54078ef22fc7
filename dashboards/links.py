"""Links of panels: to a search for their traces, and from their texts to other pages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from urllib.parse import quote

from dashboards.panel import Board, Panel, Search
from dashboards.trace_sources import TraceSource
from otel.support.addresses import PublicAddresses

ADDRESS = re.compile(r"\{(\w+_url)\}")
ESCAPED = re.compile(r"%24%7B(\w+)(%3A\w+)?%7D")


def explore(search: Search, source: TraceSource) -> str | None:
    """Returns the link to a search in Grafana's Explore, over the dashboard's time range; None if it can't be asked.

    Source: Grafana's documentation, "Explore", "Generate Explore URLs from external tools". Grafana replaces
    variables before it opens the link, so they must not be escaped.
    """
    query = source.query(search)
    if query is None:
        return None
    pane = {
        "datasource": f"${{{source.name}}}",
        "queries": [query],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    panes = quote(json.dumps({"a": pane}, separators=(",", ":")))
    return f"/explore?schemaVersion=1&orgId=1&panes={ESCAPED.sub(_variable, panes)}"


def addressed(board: Board, addresses: PublicAddresses) -> Board:
    """Returns the board with addresses in its texts: {grafana_url} and the like are fields of ``addresses``."""

    def with_addresses(panel: Panel) -> Panel:
        if panel.kind != "text":
            return panel
        text = ADDRESS.sub(lambda match: str(getattr(addresses, match[1])), panel.description)
        return replace(panel, description=text)

    return replace(board, rows=tuple(replace(row, panels=tuple(map(with_addresses, row.panels))) for row in board.rows))


def _variable(match: re.Match[str]) -> str:
    form = (match[2] or "").replace("%3A", ":")
    return f"${{{match[1]}{form}}}"
