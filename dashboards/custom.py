"""Turns custom views, YAML files in a folder, into boards of built-in panels, by name, and new PromQL queries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from dashboards.boards import BOARDS
from dashboards.panel import NAME, Board, Kind, Panel, Query, Row, Threshold, Unit
from dashboards.yaml_lines import At, Marked, NotYamlError, read

EXAMPLES = Path(__file__).parent / "views"
SUFFIXES = (".yaml", ".yml")
FILES = 100
"""The maximum number of files in a folder of views."""
UID = "ttscope-view-"
PANELS = {panel.name: panel for board in BOARDS for panel in board.panels}
UNITS = {unit.name.lower(): unit for unit in Unit}
OWN, OURS = "own", "name"
WORDS = {
    "missing": "this field is missing",
    "extra_forbidden": "there is no field of this name",
    "model_type": "it should be a mapping of fields",
    "string_pattern_mismatch": "it has characters that can't be printed",
}
"""Messages by pydantic's type of error. For other types, pydantic's own message states what is allowed."""
PAIRS = {")": "(", "]": "[", "}": "{"}

Text = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Title = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
UnitName = Literal[
    "number",
    "seconds",
    "bytes",
    "per_second",
    "requests_per_second",
    "share",
    "percent",
    "watts",
    "celsius",
    "time",
    "state",
]
OwnKind = Literal["lines", "stacked", "bars", "stat", "heatmap", "grid", "states", "table"]


class ViewSettings(BaseSettings):
    """The setting TTSCOPE_DASHBOARD_VIEWS."""

    model_config = SettingsConfigDict(
        env_prefix="TTSCOPE_DASHBOARD_", frozen=True, env_ignore_empty=True, extra="ignore"
    )

    views: Path = Field(EXAMPLES, description="Folder of custom views, as YAML files.")


class ViewError(Exception):
    """Some views are invalid; ``problems`` has a line FILE:LINE: FIELD: MESSAGE for each error."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Strict(BaseModel):
    """A mapping with exactly these keys, whose values must have the right types and are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class OwnQuery(Strict):
    """A query to Prometheus."""

    promql: Annotated[str, Field(min_length=1, max_length=4000)]
    legend: Annotated[str, Field(max_length=200)] = ""


class OwnThreshold(Strict):
    """A value from which a panel signals a problem."""

    value: Annotated[float, Field(allow_inf_nan=False, strict=False)]
    severity: Literal["warning", "critical"]
    below: bool = False


class OwnPanel(Strict):
    """A panel that a view itself defines."""

    title: Title
    description: Text
    kind: OwnKind
    unit: UnitName
    queries: Annotated[list[OwnQuery], Field(min_length=1, max_length=20)]
    thresholds: Annotated[list[OwnThreshold], Field(max_length=10)] = []
    width: Annotated[int, Field(ge=1, le=24)] = 8
    height: Annotated[int, Field(ge=3, le=30)] = 8


def _whose(entry: object) -> str:
    return OURS if isinstance(entry, str) else OWN


Entry = Annotated[Annotated[str, Tag(OURS)] | Annotated[OwnPanel, Tag(OWN)], Discriminator(_whose)]


class OwnRow(Strict):
    """Panels under a heading: built-in ones by name, and new ones."""

    title: Title
    panels: Annotated[list[Entry], Field(min_length=1, max_length=50)]


class OwnBoard(Strict):
    """The contents of a view's file."""

    title: Title
    description: Text
    rows: Annotated[list[OwnRow], Field(min_length=1, max_length=20)]


@dataclass(frozen=True, slots=True)
class CustomView:
    """A view, and the location of each query in its file (FILE:LINE: FIELD), by its PromQL."""

    board: Board
    places: Mapping[str, str]


def load(folder: Path) -> tuple[Board, ...]:
    """Returns the boards of all views in a folder, by file name; none if there is no folder.

    Raises ViewError with the errors of all files.
    """
    return tuple(view.board for view in views(folder))


def views(folder: Path) -> tuple[CustomView, ...]:
    """Returns all views in a folder, with the locations of their queries. Raises ViewError."""
    valid, problems = [], []
    paths = sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES) if folder.is_dir() else []
    if len(paths) > FILES:
        raise ViewError([f"{folder}: a folder may have at most {FILES} views"])
    for path in paths:
        try:
            valid.append(view(path))
        except ViewError as error:
            problems += error.problems
    stems = [path.stem for path in paths]
    problems += [f"{path.name}:1: another file has the same name" for path in paths if stems.count(path.stem) > 1]
    if problems:
        raise ViewError(problems)
    return tuple(valid)


def view(path: Path) -> CustomView:
    """Returns one view. Raises ViewError."""
    if not NAME.fullmatch(path.stem) or len(UID + path.stem) > 40:
        raise ViewError([f"{path.name}:1: a file's name must be short, and made of lower-case words joined by hyphens"])
    try:
        marked = read(path.read_text(encoding="utf-8"))
    except NotYamlError as error:
        raise ViewError([f"{path.name}:{error.line}: {error}"]) from None
    except UnicodeDecodeError:
        raise ViewError([f"{path.name}:1: it is not UTF-8"]) from None
    except OSError as error:
        raise ViewError([f"{path.name}:1: it can't be read: {error.strerror}"]) from None
    try:
        own = OwnBoard.model_validate(marked.value)
    except ValidationError as error:
        raise ViewError([_problem(path, marked, detail) for detail in error.errors(include_input=False)]) from None
    problems = [_place(path, marked, at) + message for at, message in _odd(own)]
    if problems:
        raise ViewError(problems)
    return CustomView(_board(path.stem, own), {promql: _place(path, marked, at) for at, promql in _questions(own)})


def _board(stem: str, own: OwnBoard) -> Board:
    rows = []
    for number, row in enumerate(own.rows, start=1):
        panels = [
            PANELS[entry] if isinstance(entry, str) else _panel(f"view-{stem}-{number}-{place}", entry)
            for place, entry in enumerate(row.panels, start=1)
        ]
        rows.append(Row(row.title, tuple(panels)))
    return Board(UID + stem, own.title, own.description, tuple(rows))


def _panel(name: str, own: OwnPanel) -> Panel:
    kind: Kind = own.kind
    return Panel(
        name,
        own.title,
        own.description,
        kind,
        UNITS[own.unit],
        tuple(Query(query.promql, query.legend) for query in own.queries),
        thresholds=tuple(Threshold(entry.value, entry.severity, entry.below) for entry in own.thresholds),
        empty="Prometheus has no data for this query.",
        width=own.width,
        height=own.height,
    )


def _odd(own: OwnBoard) -> Iterator[tuple[At, str]]:
    """Yields errors that types can't express, with their locations."""
    names: set[str] = set()
    for number, row in enumerate(own.rows):
        for place, entry in enumerate(row.panels):
            if isinstance(entry, str):
                at: At = ("rows", number, "panels", place)
                if entry not in PANELS:
                    yield at, "there is no panel of this name; dashboards/README.md lists all names"
                elif entry in names:
                    yield at, "this panel is already in the view"
                names.add(entry)
    for where, promql in _questions(own):
        if why := unbalanced(promql):
            yield where, why


def _questions(own: OwnBoard) -> Iterator[tuple[At, str]]:
    for number, row in enumerate(own.rows):
        for place, entry in enumerate(row.panels):
            if isinstance(entry, OwnPanel):
                for index, query in enumerate(entry.queries):
                    yield ("rows", number, "panels", place, "queries", index, "promql"), query.promql


def unbalanced(promql: str) -> str:
    """Returns the error in the brackets and quotes, or "". Only Prometheus can check the rest."""
    bare = re.sub(r'"(\\.|[^"\\\n])*"|\'(\\.|[^\'\\\n])*\'|`[^`]*`', "", promql)
    if re.search("[\"'`]", bare):
        return "a string has no closing quote"
    if not bare.strip():
        return "the query is empty"
    open_ones: list[str] = []
    for character in re.sub(r"#.*", "", bare):
        if character in PAIRS.values():
            open_ones.append(character)
        elif character in PAIRS and (not open_ones or open_ones.pop() != PAIRS[character]):
            return f"there is one {character} too many"
    return f"a {open_ones[-1]} is not closed" if open_ones else ""


def _problem(path: Path, marked: Marked, detail: ErrorDetails) -> str:
    at = tuple(key for key in detail["loc"] if key not in (OWN, OURS))
    return _place(path, marked, at) + WORDS.get(detail["type"], detail["msg"].replace("Input should", "it should"))


def _place(path: Path, marked: Marked, at: At) -> str:
    """Returns "FILE:LINE: FIELD: "."""
    words = "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in at).removeprefix(".")
    return f"{path.name}:{marked.line(at)}: {words + ': ' if words else ''}"
