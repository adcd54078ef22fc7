"""``python -m dashboards build`` writes Grafana's files and the table of panels; ``--check`` lists stale ones."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from dashboards.boards import BOARDS
from dashboards.custom import UID, CustomView, ViewError, ViewSettings, views
from dashboards.links import addressed
from dashboards.panel import Board
from dashboards.promql_check import NoPrometheusError, problems
from dashboards.readme import README, with_table
from dashboards.rendering import render
from dashboards.trace_sources import JAEGER, TEMPO, TRACE_SOURCES, TraceSource
from otel.support.addresses import PublicAddresses, load
from otel.support.environment import SettingsError
from otel.support.generated import keep

FOLDER = Path(__file__).parent / "grafana"
FOLDERS = {TEMPO.name: FOLDER, JAEGER.name: FOLDER.parent / "grafana-jaeger"}
"""The folders of the files for each data source of traces."""
OURS = b'"uid": "ttscope-'
"""A text that every file written here contains."""
VIEWS = "Views"
"""The folder of custom views, in Grafana and on disk."""


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 1 if ``--check`` found a stale file, 2 if a view or an address is invalid."""
    parser = argparse.ArgumentParser(prog="python -m dashboards build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is out of date")
    parser.add_argument(
        "--views", type=Path, metavar="FOLDER", help="the folder of custom views (TTSCOPE_DASHBOARD_VIEWS)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help=f"where the files are written ({FOLDER} and the like)"
    )
    parser.add_argument(
        "--traces", choices=FOLDERS, default=TEMPO.name, help="the data source of traces, with --output (%(default)s)"
    )
    parser.add_argument(
        "--prometheus",
        metavar="URL",
        default="http://127.0.0.1:9090",
        help="checks the queries of views, if it is running (%(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        addresses = load()
        own = views(options.views or ViewSettings().views)
    except ViewError as error:
        return _refuse(error.problems)
    except SettingsError as error:
        return _refuse([str(error)])
    folders = {options.traces: options.output} if options.output else FOLDERS
    contents = {
        path: text
        for source in TRACE_SOURCES
        if source.name in folders
        for path, text in files(folders[source.name], addresses, own, source).items()
    }
    if not options.output:
        contents[README] = with_table(README.read_text(encoding="utf-8"))
    try:
        if not options.check and (wrong := problems(own, options.prometheus)):
            return _refuse(wrong)
    except NoPrometheusError as error:
        print(f"{error}: the queries of views were not checked", file=sys.stderr)
    return keep(contents, _obsolete(contents, folders.values()), check=options.check)


def files(
    folder: Path, addresses: PublicAddresses, own: Iterable[CustomView] = (), traces: TraceSource = TEMPO
) -> dict[Path, str]:
    """Returns Grafana's files by their paths: the built-in boards, and views in a folder of their own."""
    boards = {folder / f"{board.uid.removeprefix('ttscope-')}.json": board for board in BOARDS}
    boards |= {folder / VIEWS / name_of(view.board): view.board for view in own}
    return {path: render(addressed(board, addresses), traces) for path, board in boards.items()}


def name_of(board: Board) -> str:
    """Returns the file name of a view."""
    return f"{board.uid.removeprefix(UID)}.json"


def _obsolete(contents: dict[Path, str], folders: Iterable[Path]) -> list[Path]:
    """Returns files of boards that no longer exist. Other files in the folders are not touched."""
    found = {path for folder in folders for path in folder.rglob("*.json")}
    return [path for path in found - set(contents) if OURS in path.read_bytes()]


def _refuse(wrong: Iterable[str]) -> int:
    print("\n".join(wrong), file=sys.stderr)
    return 2
