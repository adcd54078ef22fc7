"""``python -m dashboards values``: prints what panels of the live dashboard show of a time range, as JSON."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence

from dashboards.boards import BOARDS
from dashboards.live.period import Window
from dashboards.live.screens.overview import OVERVIEW
from dashboards.live.settings import load
from dashboards.live.sources.client import Source, SourceError
from dashboards.live.sources.prometheus import NAME, Prometheus
from dashboards.panel import Panel
from dashboards.variables import INSTANCE
from otel.support.environment import SettingsError

PANELS = {panel.name: panel for board in (OVERVIEW, *BOARDS) for panel in board.panels if panel.queries}


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 1 if Prometheus does not answer, 2 for invalid arguments or settings."""
    parser = argparse.ArgumentParser(prog="python -m dashboards values", description=__doc__)
    parser.add_argument("panels", nargs="+", choices=PANELS, metavar="PANEL", help="the panel's name, as words-grid")
    parser.add_argument("--start", type=int, required=True, help="seconds since 1970, not included")
    parser.add_argument("--end", type=int, required=True, help="seconds since 1970; rates are over all of the range")
    parser.add_argument("--instance", help="the server process; all if none is named")
    options = parser.parse_args(arguments)
    try:
        window = Window.of_one_step(options.start, options.end)
        settings = load()
        source = Source(NAME, settings.prometheus_url, settings.timeout_seconds, settings.refresh_seconds)
        variables = {INSTANCE.name: re.escape(options.instance)} if options.instance else {}
        found = {name: shown(Prometheus(source), PANELS[name], window, variables) for name in options.panels}
    except (SettingsError, ValueError) as error:
        parser.error(str(error))
    except SourceError as error:
        print(f"ttscope-dashboard: {error}", file=sys.stderr)  # noqa: T201 - it is a command
        return 1
    print(json.dumps(found, indent=1))  # noqa: T201 - it is a command
    return 0


def shown(
    prometheus: Prometheus, panel: Panel, window: Window, variables: Mapping[str, str]
) -> dict[str, float | None]:
    """Returns the panel's values at the end of the window by the names of its series. Raises SourceError."""
    series = (
        one for query in panel.queries for one in prometheus.query_instant(query, window, variables, at=window.end)
    )
    return {one.name: None if math.isnan(one.last) else one.last for one in series}
