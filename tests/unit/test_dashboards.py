"""Dashboards as code: panels are whole, ask only for what the contract has, and Grafana's files are theirs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import build
from dashboards.annotations import ANNOTATIONS
from dashboards.boards import BOARDS
from dashboards.drawing import steps
from dashboards.layout import COLUMNS, lines, place
from dashboards.links import explore
from dashboards.objective import budget_left
from dashboards.panel import Board, Panel, Query, Row, Search, Threshold, Unit
from dashboards.readme import BEGIN, END, with_table
from dashboards.rendering import render
from dashboards.scope import SELECTED
from dashboards.trace_sources import JAEGER, TEMPO, TRACE_SOURCES, TraceSource
from dashboards.traceql import above, equal, longer_than, present, requests
from dashboards.traceql import written as written_search
from dashboards.variables import VARIABLES, fill
from drift.outputs.annotation import annotation
from otel.contract.drift_metrics import DRIFT_SCORE
from otel.contract.drift_verdict import Verdict, VerdictState
from otel.contract.event_fields import REQUEST_FIELDS
from otel.contract.labels import OUTCOME, STAGE
from otel.contract.libraries import HTTP_METRICS, SDK_METRICS, SPAN_CALLS
from otel.contract.metrics import AUDIO_FAULTS, CONTRACT, REQUESTS, STREAM_UNDERRUN
from otel.contract.pipeline import PIPELINE_METRICS
from otel.contract.promql import at_most
from otel.contract.slo import AVAILABILITY
from otel.trace_store.store import DURATION
from tests.server_process import ROOT

PANELS = [panel for board in BOARDS for panel in board.panels]
QUERIES = [(panel.name, query) for panel in PANELS for query in panel.queries]
ASKED = [*QUERIES, *((mark.name, Query(mark.promql)) for mark in ANNOTATIONS)]
WINDOWS = {
    "success": {"$__range"},
    "error-budget": {"30d"},  # of the promise
    "burn-rate": {"1h", "6h"},
    "continuity-budget": {"30d"},
    "continuity-burn-rate": {"1h", "6h"},
    "playback-budget": {"30d"},
    "playback-burn-rate": {"1h", "6h"},
    "audio-made": {"$__range"},
    "characters-spoken": {"$__range"},
    "words-spoken": {"$__range"},
    "requests-asked": {"$__range"},
    "clients": {"$__range"},
    "language-share": {"$__range"},
    "cost-requests": {"$__range"},
    "cost-machine": {"$__range"},
    "cost-used": {"$__range"},
    "cost-saved": {"$__range"},
    "cost-client": {"$__range"},
    "machine-carbon": {"$__range"},
    "budget-day": {"1d"},  # the periods of budgets
    "budget-month": {"30d"},
    "server-count": {"30s"},  # who is there now
    "busy-threads": {"30s", "1m"},  # as the autoscaler asks
    "queued-audio-per-server": {"30s"},
    "weeks": {"1h"},  # the same hour of two weeks
    "characters-trend": {"1d"},
    "attempts-refused": {"$__range"},
    "ended-keys": {"$__range"},
    "audit-not-written": {"$__range"},
    "Deploys": {"1d"},
}
"""The only windows of a fixed length, or of all that is shown: what they say is about that time."""
EVERYWHERE = {"job", "instance"}
SELECTOR = re.compile(r"\b([A-Za-z][A-Za-z0-9_]*)\{([^}]*)\}")
"""A metric with its matchers; every query of ours writes the braces."""


def known() -> dict[str, set[str]]:
    """Every name that a query may ask for, with its labels."""
    names: dict[str, set[str]] = {
        "target_info": {"service_version", "tts_build"},
        "ALERTS": {"alertname", "alertstate", "severity"},
    }
    for instrument in CONTRACT:
        labels = {attribute.prometheus_name for attribute in instrument.attributes}
        name = instrument.prometheus_name
        if instrument.kind == "histogram":
            names |= {name: labels, f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
        else:
            names[name] = labels
    for metric in (*HTTP_METRICS, *SDK_METRICS, *PIPELINE_METRICS, SPAN_CALLS):
        names[metric.prometheus_name] = {label.replace(".", "_") for label in metric.attributes}
    return names


KNOWN = known()


def grouped(promql: str) -> set[str]:
    """The labels that a query groups by."""
    return {label for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", promql) for label in labels.split(", ")}


def test_names_and_uids_are_unique() -> None:
    names, uids = [panel.name for panel in PANELS], [board.uid for board in BOARDS]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert [uid for uid, times in Counter(uids).items() if times > 1] == []
    assert all(len(uid) <= 40 for uid in uids)  # Grafana's limit


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
class TestEveryPanel:
    def test_says_what_it_shows_and_in_which_unit(self, panel: Panel) -> None:
        assert len(panel.title) <= 60
        assert panel.description.endswith(".")
        assert isinstance(panel.unit, Unit)
        assert panel.empty == "" or panel.empty.endswith(".")

    def test_is_over_a_rate_interval_unless_its_time_is_what_it_is_about(self, panel: Panel) -> None:
        windows = {window for query in panel.queries for window in re.findall(r"\[([^\]]+)\]", query.promql)}
        assert windows - {"$__rate_interval"} == WINDOWS.get(panel.name, set())

    def test_names_its_series_by_labels_that_they_have(self, panel: Panel) -> None:
        for query in panel.queries:
            aggregated = grouped(query.promql) or ({"job", "instance"} if "sum" not in query.promql else set())
            assert set(re.findall(r"\{(\w+)\}", query.legend)) <= aggregated
            assert query.legend or len(panel.queries) == 1

    def test_leads_to_its_traces_if_it_is_about_the_time_of_requests(self, panel: Panel) -> None:
        timed = any("request_duration" in q.promql or "count_duration" in q.promql for q in panel.queries)
        assert not timed or panel.traces or panel.unit is not Unit.SECONDS


@pytest.mark.parametrize(("name", "query"), ASKED, ids=lambda value: value if isinstance(value, str) else "")
def test_queries_ask_only_for_what_the_contract_has(name: str, query: Query) -> None:
    selectors = SELECTOR.findall(query.promql)
    assert selectors
    labels: set[str] = set()
    for metric, matchers in selectors:
        assert metric in KNOWN, metric
        labels |= KNOWN[metric]
        used = set(re.findall(r"(\w+)(?:=~|!=|=)\"", matchers))
        assert used <= KNOWN[metric] | EVERYWHERE, used
    assert grouped(query.promql) <= labels | EVERYWHERE
    chosen = {variable for variable in re.findall(r"\$(\w+)", query.promql) if not variable.startswith("__")}
    assert chosen <= {variable.name for variable in VARIABLES}


def test_every_metric_of_the_contract_is_on_a_panel() -> None:
    asked = {metric for _, query in QUERIES for metric, _ in SELECTOR.findall(query.promql)}
    families = {re.sub("_(bucket|sum|count)$", "", metric) for metric in asked}
    assert {instrument.prometheus_name for instrument in CONTRACT} - families == set()


def test_searches_name_only_features_of_the_contract() -> None:
    searches = [panel.ask for panel in PANELS if isinstance(panel.ask, Search)]
    searches += [panel.traces for panel in PANELS if panel.traces]
    for search in searches:
        assert {condition.name for group in search.conditions for condition in group} <= REQUEST_FIELDS.keys() | {
            DURATION
        }
        assert set(re.findall(r"span\.([\w.]+)", written_search(search))) <= REQUEST_FIELDS.keys()


def test_required_panels_are_there() -> None:
    required = {
        "request-rate",
        "words-grid",
        "voices-p95",
        "voices-first-audio",
        "voices-real-time",
        "voices-rate",
        "error-rate",
        "error-ratio",
        "cpu",
        "memory",
        "gpu-utilization",
        "gpu-memory",
        "latency-distribution",
        "latency",
        "p95-now",
        "cache-ratio",
        "cache-requests",
        "cache-bytes",
        "cache-clips",
        "providers-available",
        "providers-degraded",
        "provider-attempts",
        "provider-success",
        "provider-latency",
        "fallbacks",
        "success",
        "stages",
        "weeks",
        "characters-trend",
    }
    assert required - {panel.name for panel in PANELS} == set()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
class TestEveryBoard:
    def test_has_panels_that_fill_its_lines_and_do_not_overlap(self, board: Board) -> None:
        taken: Counter[tuple[int, int]] = Counter()
        for _, at in place(board):
            taken.update((x, y) for x in range(at.x, at.x + at.width) for y in range(at.y, at.y + at.height))
        assert max(taken.values()) == 1
        assert max(x for x, _ in taken) == COLUMNS - 1
        for row in board.rows:
            for line in lines(row):
                assert sum(panel.width for panel in line) == COLUMNS, [panel.name for panel in line]
                assert len({panel.height for panel in line}) == 1, [panel.name for panel in line]

    @pytest.mark.parametrize("traces", TRACE_SOURCES, ids=lambda source: source.name)
    def test_is_what_grafana_can_read(self, board: Board, traces: TraceSource) -> None:
        written = json.loads(render(board, traces))
        read = json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder))
        for mark in written["annotations"]["list"]:  # the SDK does not know these of Prometheus' annotations
            for own in ("titleFormat", "textFormat", "step", "useValueForTime"):
                mark.pop(own, None)
        assert read == written

    def test_has_the_same_panels_in_its_file(self, board: Board) -> None:
        panels = [panel for panel in written(board)["panels"] if panel["type"] != "row"]
        assert [panel["title"] for panel in panels] == [panel.title for panel in board.panels]
        assert len({panel["id"] for panel in written(board)["panels"]}) == len(written(board)["panels"])
        for panel, drawn in zip(board.panels, panels, strict=True):
            assert [target.get("expr") for target in drawn.get("targets", []) if "expr" in target] == [
                query.promql for query in panel.queries
            ]

    @pytest.mark.parametrize("traces", TRACE_SOURCES, ids=lambda source: source.name)
    def test_asks_the_sources_that_are_chosen(self, board: Board, traces: TraceSource) -> None:
        drawn = written(board, traces)
        sources = {
            source["uid"]
            for panel in drawn["panels"]
            for source in (panel.get("datasource"), *(target["datasource"] for target in panel.get("targets", [])))
            if source
        }
        assert sources <= {"${datasource}", f"${{{traces.name}}}"}
        names = [variable["name"] for variable in drawn["templating"]["list"]]
        of_traces = ["jaeger", "service"] if traces is JAEGER else ["tempo"]
        assert names == ["datasource", *of_traces, "job", "instance", "voice"]
        other = JAEGER if traces is TEMPO else TEMPO
        assert f"${{{other.name}}}" not in render(board, traces)


def written(board: Board, traces: TraceSource = TEMPO) -> dict[str, Any]:
    return dict(json.loads(render(board, traces)))


def test_what_the_drift_job_posts_is_drawn() -> None:
    [posted, *_] = written(BOARDS[0])["annotations"]["list"]
    now = datetime.now(UTC)
    tags = annotation(Verdict(now, now, VerdictState.STABLE, 0, None), "")["tags"]
    assert posted["target"]["type"] == "tags"
    assert set(posted["target"]["tags"]) <= set(tags)


def test_exemplars_are_on_wherever_quantiles_or_distributions_are_shown() -> None:
    histograms = {instrument.prometheus_name for instrument in CONTRACT if instrument.kind == "histogram"}
    for board in BOARDS:
        for panel in written(board)["panels"]:
            for target in panel.get("targets", []):
                if target.get("range"):
                    is_native = any(name in histograms for name, _ in SELECTOR.findall(target["expr"]))
                    is_mean = target["expr"].startswith("histogram_avg")  # single requests lie far from it
                    shows_values = panel["type"] != "status-history" and not is_mean
                    assert target["exemplar"] == (is_native and shows_values), panel["title"]


def test_a_heatmap_asks_for_one_native_histogram_of_all_its_series() -> None:
    """Grafana draws the first histogram of an answer and none of the others."""
    heatmaps = [panel for panel in PANELS if panel.kind == "heatmap"]
    assert len(heatmaps) == 4
    for panel in heatmaps:
        assert [query.promql.startswith("sum (rate(") for query in panel.queries] == [True]


def test_quantiles_are_of_native_histograms() -> None:
    for name, query in ASKED:
        for asked in re.findall(r"histogram_quantile\([\d.]+, sum (?:by \(.*?\) )?\(rate\((\w+)", query.promql):
            assert asked in {instrument.prometheus_name for instrument in CONTRACT}, name
        assert "histogram_quantile" not in query.promql or "_bucket" not in query.promql


def test_a_link_to_traces_is_a_search_once_the_variables_are_put_in() -> None:
    link = explore(requests((longer_than(1), equal("tts.outcome", "error"))), TEMPO)
    assert link
    filled = link.replace("${tempo}", "tempo").replace("${voice:pipe}", "joe|amy").replace("${job:pipe}", "ttscope")
    filled = filled.replace("${__from}", "1").replace("${__to}", "2")
    assert "$" not in filled
    panes = json.loads(parse_qs(urlsplit(filled).query)["panes"][0])
    assert panes["a"]["queries"][0]["query"] == (
        '{ resource.service.name =~ "ttscope" && kind = server && span.tts.voice_name =~ "joe|amy"'
        ' && (duration > 1s || span.tts.outcome = "error") }'
    )
    assert panes["a"]["range"] == {"from": "1", "to": "2"}


JAEGER_QUERIES = {
    (longer_than(1),): ("span.kind=server", "1s", ""),
    (longer_than(0.25), equal("tts.outcome", "error")): ('span.kind=server tts.outcome="error"', "0.25s", ""),
    ((above("tts.status_code", 499), equal("tts.outcome", "error"), present("tts.fallback_from")),): (
        'span.kind=server tts.outcome="error"',
        None,
        " with tts.outcome = error alone",
    ),
}


@pytest.mark.parametrize("conditions", JAEGER_QUERIES)
def test_jaeger_is_asked_for_what_it_can_find_and_what_it_leaves_out_is_said(conditions: Any) -> None:
    search, (tags, shortest, alone) = requests(*conditions), JAEGER_QUERIES[conditions]
    query = JAEGER.query(search)
    assert query
    assert (query["queryType"], query["service"], query["limit"]) == ("search", "${service}", 20)
    assert (query["tags"], query.get("minDuration")) == (tags, shortest)
    assert JAEGER.difference(search) == f"Jaeger lists those of all voices{alone}."
    link = explore(search, JAEGER)
    assert link
    filled = link.replace("${jaeger}", "jaeger").replace("${service}", "ttscope")
    filled = filled.replace("${__from}", "1").replace("${__to}", "2")
    assert "$" not in filled
    [asked] = json.loads(parse_qs(urlsplit(filled).query)["panes"][0])["a"]["queries"]
    assert asked == {**query, "service": "ttscope"}


def test_jaeger_is_not_asked_for_what_it_can_not_find() -> None:
    for conditions in (
        present("tts.fallback_from"),
        above("tts.stream_underrun", 0),
        equal("tts.outcome", "ok", "error"),
    ):
        assert JAEGER.query(requests(conditions)) is None
        assert explore(requests(longer_than(1), conditions), JAEGER) is None
    links = {
        source.name: sum("links" in panel for board in BOARDS for panel in written(board, source)["panels"])
        for source in TRACE_SOURCES
    }
    assert 0 < links["jaeger"] < links["tempo"]


def test_the_files_are_as_they_should_be() -> None:
    assert build.main(["--check"]) == 0


def test_a_file_that_is_stale_or_left_over_is_told_of_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ["--output", str(tmp_path / "grafana"), "--prometheus", "http://127.0.0.1:9"]
    assert build.main([*output, "--check"]) == 1
    assert "service.json is out of date" in capsys.readouterr().err
    assert build.main(output) == 0
    assert build.main([*output, "--check"]) == 0
    (tmp_path / "grafana" / "old.json").write_text('{ "uid": "ttscope-old" }')
    (tmp_path / "grafana" / "theirs.json").write_text("{}")
    (tmp_path / "grafana" / "service.json").write_text("{}")
    assert build.main([*output, "--check"]) == 1
    assert build.main(output) == 0
    assert not (tmp_path / "grafana" / "old.json").exists()
    assert (tmp_path / "grafana" / "theirs.json").exists()
    assert build.main([*output, "--check"]) == 0


def test_grafana_is_given_the_files_and_the_sources_that_they_choose() -> None:
    provisioning = ROOT / "dashboards" / "provisioning"
    jaeger = (ROOT / "deploy" / "compose" / "jaeger.yaml").read_text()
    assert "./dashboards/grafana-jaeger:/etc/grafana/ttscope:ro" in jaeger
    [provider] = yaml.safe_load((provisioning / "dashboards" / "ttscope.yaml").read_text())["providers"]
    grafana = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["grafana"]
    assert f"./dashboards/grafana:{provider['options']['path']}:ro" in grafana["volumes"]
    sources = yaml.safe_load((provisioning / "datasources" / "ttscope.yaml").read_text())["datasources"]
    for store in TRACE_SOURCES:
        listed = written(BOARDS[0], store)["templating"]["list"][:2]
        chosen = {variable["current"]["value"]: variable["query"] for variable in listed}
        assert chosen == {
            source["uid"].replace("${TRACE_STORE}", store.name): source["type"].replace("${TRACE_STORE}", store.name)
            for source in sources
        }


def test_panels_need_nothing_but_the_contract() -> None:
    heavy = "{'streamlit', 'plotly', 'grafana_foundation_sdk', 'torch', 'aiohttp'}"
    code = (
        "import sys; import dashboards.__main__, dashboards.boards; "
        f"print(sorted({heavy} & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_command_is_told_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dashboards", "paint"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "build" in done.stderr


def test_a_command_that_lacks_what_it_needs_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['grafana_foundation_sdk'] = None; sys.argv = ['dashboards', 'build', '--check']; "
        "from dashboards.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("build needs grafana_foundation_sdk")
    assert "make .venv/.dev" in done.stderr


def test_values_are_put_in_as_they_are_and_once() -> None:
    query = 'a{job=~"$job", voice=~"$voice"}[$__rate_interval] $__range'
    filled = fill(query, interval="5m", span="1h", variables={"voice": 'x"\\.$job'})
    assert filled == 'a{job=~".*", voice=~"x\\"\\\\.$job"}[5m] 1h'


def test_what_the_contract_does_not_have_cant_be_asked_for() -> None:
    with pytest.raises(ValueError, match="outcome"):
        SELECTED.rate(REQUESTS, where={OUTCOME: "fine"})
    with pytest.raises(ValueError, match=r"tts\.word"):
        present("tts.word")
    with pytest.raises(ValueError, match="stage"):
        SELECTED.rate(REQUESTS, by=(STAGE,))
    with pytest.raises(ValueError, match="buckets"):
        SELECTED.rate(STREAM_UNDERRUN, where=at_most(STREAM_UNDERRUN, 0.33), suffix="_bucket")
    assert 'outcome=~"ok|error"' in SELECTED.series(REQUESTS, where={OUTCOME: ("ok", "error")})
    assert "$job" not in SELECTED.series(DRIFT_SCORE)
    assert "$voice" in SELECTED.series(AUDIO_FAULTS)
    assert "$job" in SELECTED.series(REQUESTS)


WHOLE = {"name": "a-b", "title": "A", "description": "B.", "kind": "lines", "unit": Unit.SECONDS, "ask": (Query("up"),)}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"name": "A b"}, "lower-case"),
        ({"title": ""}, "title"),
        ({"description": ""}, "description"),
        ({"kind": "traces"}, "traces need a search"),
        ({"ask": ()}, "at least one query"),
        ({"width": 25}, "24"),
        ({"ask": None}, "Prometheus"),
    ],
)
def test_a_panel_that_is_not_whole_is_refused(wrong: dict[str, Any], named: str) -> None:
    assert Panel(**WHOLE)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=named):
        Panel(**{**WHOLE, **wrong})


def test_a_line_that_is_full_is_followed_by_another() -> None:
    panels = tuple(
        Panel(**{**WHOLE, "name": f"p{n}", "width": width, "height": 4 + n}) for n, width in enumerate((16, 8, 12))
    )
    board = Board("x", "X", "X.", (Row("R", panels), Row("S", panels[:1])))
    assert [(at.x, at.y) for _, at in place(board)] == [(0, 0), (0, 1), (16, 1), (0, 6), (0, 12), (0, 13)]


def test_colours_say_which_side_is_bad() -> None:
    def colours(*thresholds: Threshold) -> list[tuple[float | None, str]]:
        return [(step.value, step.color) for step in steps(thresholds).build().steps]

    assert colours() == [(None, "green")]
    assert colours(Threshold(2, "critical"), Threshold(1, "warning")) == [(None, "green"), (1, "orange"), (2, "red")]
    low = (Threshold(0.9, "warning", below=True), Threshold(0.5, "critical", below=True))
    assert colours(*low) == [(None, "red"), (0.5, "orange"), (0.9, "green")]


def test_the_table_stands_where_it_should() -> None:
    page = with_table(f"before {BEGIN}old{END} after")
    assert page.startswith("before")
    assert page.endswith("after")
    assert all(f"`{panel.name}`" in page for panel in PANELS)
    with pytest.raises(ValueError, match="panels"):
        with_table("nothing")


def test_the_budget_is_that_of_the_promise() -> None:
    assert f"/ {1 - AVAILABILITY.objective:.4g}" in budget_left()
    assert "[30d]" in budget_left()


def test_kubernetes_gets_every_file_in_objects_that_it_takes() -> None:
    folder = ROOT / "dashboards"
    maps = yaml.safe_load((folder / "kustomization.yaml").read_text())["configMapGenerator"]
    files = [folder / name for each in maps for name in each["files"]]
    wanted = {*(folder / "grafana-jaeger").rglob("*.json"), *(folder / "provisioning").rglob("*.yaml")}
    assert len(files) == len(set(files))
    assert set(files) == wanted
    for each in maps:
        # kubectl keeps the whole object in an annotation, which has 256 kB at most, with its quotes escaped.
        assert sum(len(json.dumps((folder / name).read_text())) for name in each["files"]) < 250_000, each["name"]
