"""Views of one's own: what is taken, and what is refused, by file, line and field."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import build
from dashboards.custom import (
    EXAMPLES,
    UNITS,
    OwnKind,
    OwnPanel,
    UnitName,
    ViewError,
    ViewSettings,
    load,
    unbalanced,
    views,
)
from dashboards.panel import Board, Query, Threshold, Unit
from dashboards.promql_check import NoPrometheusError, problems
from dashboards.readme import README
from dashboards.yaml_lines import BYTES, NotYamlError, read

WHOLE = """\
title: Mine
description: What I look at.
rows:
  - title: First
    panels:
      - latency
      - title: Up
        description: Who is up.
        kind: lines
        unit: number
        queries:
          - promql: sum by (job) (rate(up[$__rate_interval]))
            legend: "{job}"
        thresholds: [{ value: 1, severity: critical, below: true }]
        width: 16
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "views"


def put(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def refused(folder: Path, text: str, name: str = "mine.yaml") -> list[str]:
    with pytest.raises(ViewError) as error:
        load(put(folder, text, name))
    assert str(error.value) == "\n".join(error.value.problems)
    return error.value.problems


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new)


def test_a_view_becomes_a_board(folder: Path) -> None:
    [board] = load(put(folder, WHOLE))
    assert (board.uid, board.title, board.rows[0].title) == ("ttscope-view-mine", "Mine", "First")
    ours, own = board.panels
    assert ours.name == "latency"
    assert own.queries == (Query("sum by (job) (rate(up[$__rate_interval]))", "{job}"),)
    assert (own.unit, own.kind, own.width, own.height) == (Unit.NUMBER, "lines", 16, 8)
    assert own.thresholds == (Threshold(1, "critical", below=True),)
    assert own.empty


def test_no_folder_and_no_file_are_no_views(folder: Path) -> None:
    assert load(folder) == ()
    put(folder, "not read", "notes.txt")
    assert load(folder) == ()


def test_views_come_in_the_order_of_their_names(folder: Path) -> None:
    for name in ("b.yaml", "a.yml"):
        put(folder, WHOLE, name)
    assert [board.uid for board in load(folder)] == ["ttscope-view-a", "ttscope-view-b"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title: Mine\n", "", "mine.yaml:1: title: this field is missing"),
        ("- latency", "- latencies", "mine.yaml:6: rows[1].panels[1]: there is no panel of this name"),
        (
            "- latency",
            "- latency\n      - latency",
            "mine.yaml:7: rows[1].panels[2]: this panel is already in the view",
        ),
        ("        kind: lines", "        kind: pie", "mine.yaml:9: rows[1].panels[2].kind: it should be 'lines', "),
        ("unit: number", "unit: furlongs", "mine.yaml:10: rows[1].panels[2].unit: it should be 'number', "),
        ("width: 16", "width: wide", "mine.yaml:15: rows[1].panels[2].width: it should be a valid integer"),
        ("width: 16", "width: 25", "mine.yaml:15: rows[1].panels[2].width: it should be less than or equal to 24"),
        ("width: 16", "widht: 16", "mine.yaml:15: rows[1].panels[2].widht: there is no field of this name"),
        (
            "description: Who is up.",
            "description: 5",
            "mine.yaml:8: rows[1].panels[2].description: it should be a valid string",
        ),
        (
            "(rate(up[$__rate_interval]))",
            "(rate(up[5m])",
            "mine.yaml:12: rows[1].panels[2].queries[1].promql: a ( is not closed",
        ),
        (
            "value: 1,",
            "value: .inf,",
            "mine.yaml:14: rows[1].panels[2].thresholds[1].value: it should be a finite number",
        ),
        (
            "severity: critical",
            "severity: bad",
            "mine.yaml:14: rows[1].panels[2].thresholds[1].severity: it should be ",
        ),
        ("rows:\n", "rows: 3\nmore:\n", "mine.yaml:3: rows: it should be a valid list"),
        ("title: First", "title: ''", "mine.yaml:4: rows[1].title: String should have at least 1 character"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_field(folder: Path, old: str, new: str, problem: str) -> None:
    assert any(line.startswith(problem) for line in refused(folder, changed(old, new))), refused(
        folder, changed(old, new)
    )


def test_all_that_is_wrong_in_all_files_is_told_at_once(folder: Path) -> None:
    put(folder, changed("unit: number", "unit: x"), "a.yaml")
    assert len(refused(folder, changed("width: 16", "width: 99").replace("kind: lines", "kind: x"), "b.yaml")) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &a [x]\nb: [*a, *a]\n", "mine.yaml:1: anchors and aliases"),
        ("a: 1\nb: &b 2\n", "mine.yaml:2: anchors and aliases"),
        ("a: !!python/object/apply:os.system [true]\n", "mine.yaml:1: tags"),
        ("a: !x 1\n", "mine.yaml:1: tags"),
        ("a: 1\na: 2\n", "mine.yaml:2: this key appears twice"),
        ("? [1]\n: 2\n", "mine.yaml:1: a key must be a plain value"),
        ("a: 1\n---\nb: 2\n", "mine.yaml:2: a file must have exactly one document"),
        ("a: [1\nb: 2\n", "mine.yaml:2: it is not YAML"),
        ("[" * 30_000, "mine.yaml:1: lists and mappings may be nested at most"),
        ("a: " + "9" * 5000, "mine.yaml:1: this is not a valid number"),
        ("a: 2026-02-31", "mine.yaml:1: this is not a valid number or date"),
        ("x" * (BYTES + 1), "mine.yaml:1: a file may have at most"),
        ("", "mine.yaml:1: the file is empty"),
        ("\x00", "mine.yaml:1: it is not YAML"),
        ("- 1\n", "mine.yaml:1: it should be a mapping"),
    ],
)
def test_hostile_yaml_is_refused(folder: Path, text: str, problem: str) -> None:
    [found] = refused(folder, text)
    assert found.startswith(problem)


def test_odd_names_and_bytes_are_refused(folder: Path) -> None:
    assert "lower-case" in refused(folder, WHOLE, "My View.yaml")[0]
    (folder / "My View.yaml").unlink()
    assert "must be short" in refused(folder, WHOLE, f"{'a' * 28}.yaml")[0]
    (folder / f"{'a' * 28}.yaml").unlink()
    (folder / "mine.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ViewError, match="UTF-8"):
        load(folder)
    (folder / "mine.yaml").unlink()
    (folder / "dir.yaml").mkdir()
    with pytest.raises(ViewError, match="can't be read"):
        load(folder)


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    put(folder, WHOLE, "a.yaml")
    assert all("another file" in line for line in refused(folder, WHOLE, "a.yml"))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    line = 1
    try:
        read(text)
    except NotYamlError as error:
        line = error.line
    assert line >= 1


@pytest.mark.parametrize(
    ("promql", "why"),
    [
        ("up", ""),
        ('up{a=")"} # (', ""),
        ("f(x[5m])", ""),
        ("f(x[5m)]", "one ) too many"),
        ("f(x))", "one ) too many"),
        ("{", "not closed"),
        ('up{a="x}', "quote"),
        (" ", "query is empty"),
        ("'\\'", "quote"),
    ],
)
def test_brackets_and_quotes_are_looked_at(promql: str, why: str) -> None:
    assert (why in unbalanced(promql)) if why else unbalanced(promql) == ""


def test_every_unit_can_be_named() -> None:
    assert set(UNITS) == set(UnitName.__args__)  # type: ignore[attr-defined]
    assert set(OwnPanel.model_fields) == {
        "title",
        "description",
        "kind",
        "unit",
        "queries",
        "thresholds",
        "width",
        "height",
    }


def test_the_folder_is_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TTSCOPE_DASHBOARD_VIEWS", raising=False)
    assert ViewSettings().views == EXAMPLES
    monkeypatch.setenv("TTSCOPE_DASHBOARD_VIEWS", str(tmp_path))
    assert ViewSettings().views == tmp_path


def test_a_view_is_built_for_grafana_beside_the_others_and_goes_with_its_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder, WHOLE)
    output = tmp_path / "grafana"
    command = ["--views", str(folder), "--output", str(output), "--prometheus", "http://127.0.0.1:9"]
    assert build.main(command) == 0
    built = json.loads((output / "Views" / "mine.json").read_text())
    assert [panel["title"] for panel in built["panels"] if panel["type"] != "row"] == ["Response time", "Up"]
    assert (output / "service.json").exists()
    assert build.main([*command, "--check"]) == 0
    (folder / "mine.yaml").unlink()
    assert build.main(command) == 0
    assert not (output / "Views" / "mine.json").exists()
    put(folder, "x")
    assert build.main(command) == 2
    assert "mine.yaml:1:" in capsys.readouterr().err


def test_the_example_is_a_view() -> None:
    [board] = load(EXAMPLES)
    assert isinstance(board, Board)
    assert any(panel.name.startswith("view-") for panel in board.panels)


class Answers(http.server.BaseHTTPRequestHandler):
    """Something that is no Prometheus."""

    def do_POST(self) -> None:
        self.send_response(400)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_who_is_no_prometheus_is_not_believed(folder: Path, stranger: str) -> None:
    found = views(put(folder, WHOLE))
    for url in (stranger, "http://127.0.0.1:9", "file:///etc/passwd"):
        with pytest.raises(NoPrometheusError):
            problems(found, url)


def test_the_example_of_the_page_is_taken_and_names_every_kind_and_unit(folder: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    [board] = load(put(folder, text))
    assert len(board.panels) == 2
    for field, names in (("kind", OwnKind.__args__), ("unit", UnitName.__args__)):  # type: ignore[attr-defined]
        [named] = re.findall(rf"{field}: \w+ +# (.*)", text)
        assert set(named.split()) == set(names)
