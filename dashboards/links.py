"""Links of panels: to a search for their traces, and from their texts to other pages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from urllib.parse import quote

from dashboards.panel import Board, Panel, Search
from dashboards.traceql import written
from otel.support.addresses import PublicAddresses

TEMPO = "tempo"
"""The variable that selects the Tempo data source."""
VARIABLE = re.compile(r"\$(\w+)")
ADDRESS = re.compile(r"\{(\w+_url)\}")
ESCAPED = re.compile(r"%24%7B(\w+)(%3A\w+)?%7D")


def explore(search: Search) -> str:
    """Returns the link to a search in Grafana's Explore, over the dashboard's time range.

    Source: Grafana's documentation, "Explore", "Generate Explore URLs from external tools". Grafana replaces
    variables before it opens the link, so they must not be escaped.
    """
    query = {
        "refId": "A",
        "queryType": "traceql",
        "query": braced(written(search)),
        "limit": search.limit,
        "tableType": "traces",
    }
    pane = {
        "datasource": f"${{{TEMPO}}}",
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


def braced(traceql: str) -> str:
    """Marks variables so that Grafana joins several selected values to a regular expression's alternatives."""
    return VARIABLE.sub(r"${\1:pipe}", traceql)


def _variable(match: re.Match[str]) -> str:
    form = (match[2] or "").replace("%3A", ":")
    return f"${{{match[1]}{form}}}"
