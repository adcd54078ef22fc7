"""Addresses inside Grafana: from a panel to the traces behind it."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from dashboards.panel import Search

TEMPO = "tempo"
"""The variable that says which Tempo."""
VARIABLE = re.compile(r"\$(\w+)")
ESCAPED = re.compile(r"%24%7B(\w+)(%3A\w+)?%7D")


def explore(search: Search) -> str:
    """Grafana's Explore with a search, over the time that the dashboard shows.

    Source: Grafana's documentation, "Explore", "Generate Explore URLs from external tools"; variables are put in before
    the address is opened, so they must not be escaped.
    """
    query = {
        "refId": "A",
        "queryType": "traceql",
        "query": braced(search.traceql),
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


def braced(traceql: str) -> str:
    """Values of several choices are joined as a regular expression's alternatives."""
    return VARIABLE.sub(r"${\1:pipe}", traceql)


def _variable(found: re.Match[str]) -> str:
    form = (found[2] or "").replace("%3A", ":")
    return f"${{{found[1]}{form}}}"
