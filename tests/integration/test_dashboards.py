"""Every question of every panel, put to the real Prometheus and trace store after real traffic."""

from __future__ import annotations

import json
import math
import re
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from dashboards import trace_sources
from dashboards.annotations import ALERTS, ANNOTATIONS, BUILD_VERDICTS, CHANGES, DEPLOYS, DRIFT
from dashboards.boards import BOARDS
from dashboards.boards.service import LATENCY_DISTRIBUTION, failures
from dashboards.custom import EXAMPLES, load, views
from dashboards.live.charts.distribution import rows
from dashboards.live.period import Window
from dashboards.live.sources.annotation_query import KIND, QUERY
from dashboards.live.sources.client import Source
from dashboards.live.sources.exemplars import exemplar_query, selectors
from dashboards.live.sources.prometheus import Prometheus
from dashboards.live.sources.traces import Traces
from dashboards.objective import burn_rate
from dashboards.panel import INSTANT, Panel, Search
from dashboards.promql_check import problems
from dashboards.scope import SELECTED
from dashboards.variables import VARIABLES, fill
from otel.contract.labels import OUTCOME
from otel.contract.metrics import CONTRACT, REQUEST_DURATION, REQUESTS, TIME_TO_FIRST_AUDIO, WORD_COUNT_DURATION
from otel.contract.pipeline import JAEGER, JOBS, TEMPO
from otel.contract.slo import AVAILABILITY
from otel.trace_store import otlp_json
from otel.trace_store.store import TraceSearch
from server import VERSION
from tests.http_calls import fetch, speak
from tests.integration.test_drift_stack import drifted
from tests.integration.test_stack import FAST_EXPORT, SHORT
from tests.integration.test_traffic import ITERATIONS, run_traffic
from tests.range_rates import without_rate
from tests.server_process import ROOT, LiveServer
from tests.stack import Stack, eventually, running_stack

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

BUILD = "a-build-of-the-test"
WINDOW, STEP = "5m", 15
"""As Grafana would choose them for the last half hour."""
SPAN_SECONDS = 1800
VIEWS = load(EXAMPLES)
NAMED = {instrument.prometheus_name: instrument for instrument in CONTRACT}
PANELS = [panel for board in BOARDS for panel in board.panels]
PANELS += [panel for view in VIEWS for panel in view.panels if panel not in PANELS]
ASKING = [panel for panel in PANELS if panel.queries]
SEARCHES = [panel for panel in PANELS if panel.traces or isinstance(panel.ask, Search)]
MAY_BE_EMPTY = {
    "gpu-utilization",
    "gpu-memory",
    "gpu-power",
    "gpu-temperature",
    "fallbacks",
    "audio-faults",
    "slow-reasons",
    "changes",
    "change-ratios",
    "change-begins",
    "builds-worse",
    "changes-last-check",  # a day of requests is needed to know what is usual
    "cancellations",
    "worker-restarts",
    "background-task-failures",
    "connections-ended-early",
    "failures-traced",
    "events-lost",  # these only when something went wrong, and here nothing did
    "utterance-first-audio",
    "utterance-interruptions",
    "sockets-closed",  # no client opens a socket here
    "weeks",  # a week ago there was no test
    "server-lost",
    "collector-refused",
    "notifications-failed",
    "next-expiry",
    "key-expiry",  # the server has no key
    "certificate-expiry",  # no certificate
    "shared-store-age",  # and no shared store
    "store-behind",  # nor a long-term one
    "word-error-rate",
    "recognitions",
    "verifications",
    "verification-duration",  # nor was a clip recognised
    "probes",
    "probe-seconds",
    "probe-word-error-rate",
    "probe-mos",
    "probe-last-success",  # and there is no prober
    "playback-first-sound",
    "playback-stall",
    "playback-stalls",
    "playback-ratings",
    "playback-ends",
    "playback-share",
    "playback-budget",
    "playback-burn-rate",  # nor a player that reports
}
"""Those of the panels that may be empty that are, here: everything else has something to show after this traffic."""

BEGUN_LATE = {
    JAEGER: ('otelcol_exporter_sent_spans_total{job="jaeger"}', 'otelcol_receiver_refused_spans_total{job="jaeger"}'),
    TEMPO: ("tempo_distributor_spans_received_total", "tempo_discarded_spans_total"),
}


@dataclass(frozen=True)
class Answer:
    """A series: its labels, and its last number."""

    labels: dict[str, str]
    value: float


@pytest.fixture(scope="module")
def stack(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The pipeline after traffic of every range, some streams, a failed request, and a drift; the server still runs."""
    begun = datetime.now().astimezone()
    with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.endpoint, "TTSCOPE_BUILD": BUILD, **FAST_EXPORT}
        environment["TTSCOPE_PRICES_FILE"] = str(ROOT / "deploy" / "prices.toml")
        with LiveServer(data_dir, **environment) as server:
            url = server.wait_until_ready().url
            send_traffic(url, "--check-monitoring")
            assert speak(url, SHORT, stream=True)[0] == 200
            drifted(stack, begun)
            counted = json.loads(fetch(f"{url}/metrics"))["total_requests"]
            assert eventually(lambda: stack.value("sum(tts_requests_total)") >= counted)
            send_traffic(url, "--seed", "2")  # what Prometheus sees for the first time has no rate yet
            assert eventually(lambda: not without_rate(stack)), without_rate(stack)
            assert eventually(lambda: stack.query(DRIFT.promql))
            twice = "count_over_time(up[5m]) > 1"
            assert eventually(lambda: {labels["job"] for labels, _ in stack.query(twice)} >= scraped(stack))
            for begun_late in BEGUN_LATE[stack.trace_store]:
                # two scrapes after the first span
                assert eventually(lambda name=begun_late: stack.query(f"rate({name}[5m])"))
            yield stack


def scraped(stack: Stack) -> set[str]:
    """The jobs of the programs that Prometheus asks: of the two trace stores one runs."""
    return {job for job in JOBS if job not in (JAEGER, TEMPO)} | {stack.trace_store}


def send_traffic(url: str, *arguments: str) -> None:
    """Texts of every range."""
    traffic = run_traffic(url, "--iterations", str(ITERATIONS), "--concurrency", "2", *arguments)
    assert traffic.returncode in (0, 1), traffic.stderr  # whether all agrees, test_traffic.py asks


def ask(stack: Stack, promql: str, *, instant: bool) -> list[Answer]:
    """What Prometheus says that is a number; it has no remark about the question, or this fails."""
    filled = fill(promql, interval=WINDOW, span=f"{SPAN_SECONDS}s")
    if instant:
        found = [(labels, [value]) for labels, value in stack.query(filled)]
    else:
        found = stack.over_time(filled, SPAN_SECONDS, STEP)
    numbers = [(labels, [value for value in values if not math.isnan(value)]) for labels, values in found]
    return [Answer(labels, values[-1]) for labels, values in numbers if values]


@pytest.mark.parametrize("panel", ASKING, ids=lambda panel: panel.name)
def test_every_query_is_understood_and_has_data_with_its_labels(panel: Panel, stack: Stack) -> None:
    for query in panel.queries:
        answers = ask(stack, query.promql, instant=panel.kind in INSTANT)
        if not answers:
            assert panel.empty, f"{query.promql}: no data"
            assert panel.name in MAY_BE_EMPTY, f"{query.promql}: no data, where this traffic should give some"
        for answer in answers:
            assert set(re.findall(r"\{(\w+)\}", query.legend)) <= answer.labels.keys()
            assert len(answers) == 1 or query.legend


@pytest.mark.parametrize("panel", SEARCHES, ids=lambda panel: panel.name)
def test_every_search_finds_just_the_requests_that_fulfil_its_conditions(panel: Panel, stack: Stack) -> None:
    for search in (panel.ask, panel.traces):
        if isinstance(search, Search):
            kept = {trace_id: stack.spans(trace_id) for trace_id in stack.search()}
            asked = TraceSearch(0, math.inf, search.conditions)
            fitting = {trace_id for trace_id, spans in kept.items() if any(fits(asked, span) for span in spans)}
            assert stack.search(*search.conditions) >= fitting
            assert stack.search(*search.conditions) & kept.keys() == fitting


def fits(search: TraceSearch, span: dict[str, Any]) -> bool:
    seconds = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e9
    attributes = otlp_json.attributes(span.get("attributes", ()))
    is_request = span["kind"] in (2, "SPAN_KIND_SERVER")
    return is_request and search.fits(attributes, int(span["startTimeUnixNano"]) / 1e9, seconds)


@pytest.mark.parametrize("panel", SEARCHES, ids=lambda panel: panel.name)
def test_grafana_finds_by_jaeger_what_fulfils_the_conditions_that_it_takes(panel: Panel, stack: Stack) -> None:
    if stack.trace_store != JAEGER:
        pytest.skip("a Tempo keeps the traces")
    for search in (panel.ask, panel.traces):
        if isinstance(search, Search) and (query := trace_sources.JAEGER.query(search)):
            expected = stack.search(*search.conditions)
            found = asked_by_grafana(stack, query)
            if any(len(group) > 1 for group in search.conditions):
                assert found <= expected
            else:
                assert found == expected


def asked_by_grafana(stack: Stack, query: dict[str, Any]) -> set[str]:
    """The traces that Jaeger returns for what Grafana's plugin sends it: tags as JSON, times in microseconds."""
    tags = dict(pair.split("=", 1) for pair in shlex.split(query["tags"]))
    shortest = {"minDuration": query["minDuration"]} if "minDuration" in query else {}
    end = round((time.time() + 60) * 1e6)
    asked = {
        "service": query["service"].replace("${service}", "ttscope"),
        "tags": json.dumps(tags),
        "limit": 10_000,
        "start": end - round(3600e6),
        "end": end,
        **shortest,
    }
    answer = json.loads(fetch(f"{stack.settings.trace_store_url}/api/traces?{urlencode(asked)}"))
    return {trace["traceID"] for trace in answer["data"]}


def test_the_slow_requests_are_found(stack: Stack) -> None:
    [slow] = [panel.ask for panel in PANELS if panel.name == "slowest-requests"]
    assert isinstance(slow, Search)
    assert eventually(lambda: stack.search(*slow.conditions))
    end = int(time.time()) + 60
    traces = live_traces(stack)
    window = Window(end - SPAN_SECONDS, end, STEP)
    assert {found.attributes["tts.voice_name"] for found in traces.search(slow, window, {"voice": "joe"})} == {"joe"}
    assert not traces.search(slow, window, {"voice": "nobody"})
    assert not traces.search(slow, window, {"job": "nobody"})


def test_the_live_dashboard_finds_the_slowest_of_all(stack: Stack) -> None:
    end = int(time.time()) + 60
    seconds = {trace_id: max(map(duration, stack.spans(trace_id))) for trace_id in stack.search()}
    slowest = live_traces(stack).slowest(Window(end - SPAN_SECONDS, end, STEP), {}, 5)
    assert [found.trace_id for found in slowest] == sorted(seconds, key=lambda one: -seconds[one])[:5]


def live_traces(stack: Stack) -> Traces:
    """The trace store as the live dashboard asks it."""
    urls = {name: stack.settings.trace_store_url if name == stack.trace_store else "" for name in (TEMPO, JAEGER)}
    return Traces.from_urls(urls[TEMPO], urls[JAEGER], lambda name, url: Source(name, url, 30, 1))


def duration(span: dict[str, Any]) -> int:
    """Nanoseconds."""
    return int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])


def test_numbers_are_what_was_asked_for(stack: Stack) -> None:
    """Some that can be known: what is there of the requests, the words and the promise."""
    by_name = {panel.name: panel for panel in PANELS}

    def values(name: str) -> list[Answer]:
        panel = by_name[name]
        return [a for query in panel.queries for a in ask(stack, query.promql, instant=panel.kind in INSTANT)]

    assert {answer.labels["outcome"] for answer in values("request-rate")} >= {"ok", "rejected"}
    assert [answer.value for answer in values("servers")] == [1]
    accepted = fill(counted("30m", "ok", "error"), interval=WINDOW, span="30m")
    assert stack.value(accepted) == stack.value('sum(tts_requests_total{outcome=~"ok|error"})') > 10
    [success] = values("success")
    assert 0 <= success.value <= 1
    assert len(values("words-grid")) == len(by_name["words-grid"].queries)
    assert all(answer.value > 0 for answer in values("words-grid"))
    assert {answer.labels["voice_name"] for answer in values("voices-p95")} == {"joe"}
    assert {answer.labels.get("job") for answer in values("programs")} == {*scraped(stack), None}
    assert all(answer.value == 1 for answer in values("programs"))
    assert {answer.labels["column"] for answer in values("drift-windows")} >= {"latency"}


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_first_audio_is_not_later_than_the_end_of_the_same_requests(stack: Stack, share: float) -> None:
    """All requests since the start that ended ok: so both histograms have the same ones."""
    first, whole = (
        stack.value(f"histogram_quantile({share}, sum({instrument.prometheus_name}))")
        for instrument in (TIME_TO_FIRST_AUDIO, WORD_COUNT_DURATION)
    )
    assert 0 < first <= whole * (1 + 1e-9)


def test_a_heatmap_has_the_cells_that_prometheus_has(stack: Stack) -> None:
    """The live page draws each reading of the native histogram once, and dots on it."""
    end = int(time.time()) // STEP * STEP
    window = Window(end - SPAN_SECONDS, end, STEP)
    source = Source("Prometheus", stack.settings.url(stack.settings.prometheus_port), 30, 1)
    [distribution] = Prometheus(source).query_range(LATENCY_DISTRIBUTION.queries[0], window, {})
    drawn = rows([distribution])
    assert len(drawn.bounds) > 10
    for column, count in enumerate(distribution.values):
        cells = math.fsum(row[column] for row in drawn.cells)
        assert cells == pytest.approx(0.0 if math.isnan(count) else count, abs=1e-9)


def test_a_choice_above_the_dashboard_narrows_every_panel_of_the_servers(stack: Stack) -> None:
    for panel in ASKING:
        for query in panel.queries:
            if "$instance" in query.promql:
                filled = fill(query.promql, interval=WINDOW, span="30m", variables={"instance": "nobody"})
                assert stack.query(filled) == [], panel.name


def test_the_choices_above_the_dashboard_have_values(stack: Stack) -> None:
    for variable in VARIABLES:
        found = {series[variable.label] for series in stack.series(variable.metric) if variable.label in series}
        assert found, variable.name


def test_what_happened_is_drawn_over_the_charts(stack: Stack) -> None:
    for annotation in ANNOTATIONS:
        answers = ask(stack, annotation.promql, instant=False)
        if annotation not in {ALERTS, CHANGES, BUILD_VERDICTS}:
            assert answers, annotation.name
        for answer in answers:
            words = annotation.title + annotation.text
            assert set(re.findall(r"\{(\w+)\}", words)) <= answer.labels.keys()


def test_the_live_dashboard_asks_for_all_that_happened_by_one_question(stack: Stack) -> None:
    found = Counter(answer.labels[KIND] for answer in ask(stack, QUERY.promql, instant=False))
    assert {DEPLOYS.name, DRIFT.name} <= found.keys()
    for annotation in ANNOTATIONS:
        assert found[annotation.name] == len(ask(stack, annotation.promql, instant=False))


def test_the_live_dashboard_asks_for_the_exemplars_of_all_panels_by_one_question(stack: Stack) -> None:
    """Prometheus gives just those that one panel or another takes, and each opens."""
    end = int(time.time()) + 60
    window = Window(end - SPAN_SECONDS, end, STEP)
    every_selector = [selector for panel in PANELS for selector in selectors(panel, window, {})]
    source = Source("Prometheus", stack.settings.url(stack.settings.prometheus_port), 30, 1)
    found = Prometheus(source).exemplars(exemplar_query(every_selector), window)
    labels = [series[0].labels for series in found]
    assert all(any(selector.takes(each) for selector in every_selector) for each in labels)
    assert {REQUEST_DURATION, WORD_COUNT_DURATION} <= {NAMED[each["__name__"]] for each in labels}
    assert [exemplar for series in found for exemplar in series if not stack.spans(exemplar.trace_id)] == []


def test_a_deploy_is_told_by_version_and_build(stack: Stack) -> None:
    job = fill(DEPLOYS.promql, interval=WINDOW, span="1h", variables={"job": "ttscope"})
    assert [labels for labels, _ in stack.over_time(job, SPAN_SECONDS, STEP)] == [
        {"service_version": VERSION, "tts_build": BUILD}
    ]


def test_prometheus_itself_checks_the_questions_of_views(stack: Stack, tmp_path: Path) -> None:
    prometheus = stack.settings.url(stack.settings.prometheus_port)
    assert problems(views(EXAMPLES), prometheus) == []
    text = (EXAMPLES / "long-texts.yaml").read_text()
    (tmp_path / "wrong.yaml").write_text(text.replace("histogram_quantile(0.95, ", "histogram_quantile("))
    [problem] = problems(views(tmp_path), prometheus)
    assert re.match(r"wrong\.yaml:\d+: rows\[1\]\.panels\[2\]\.queries\[1\]\.promql: Prometheus says: ", problem)
    assert "histogram_quantile" in problem


def counted(over: str, *outcomes: str) -> str:
    """The query of how many requests ended so within a time."""
    return SELECTED.count(REQUESTS, where={OUTCOME: outcomes}, over=over)


def test_failures_are_counted_by_prometheus_as_they_happened(stack: Stack, tmp_path: Path) -> None:
    """Two processes, one after the other; the second fails once, and that is the first that is seen of its series."""

    def series(instance: str, outcome: str, values: str) -> dict[str, str]:
        labels = f'job="ttscope",instance="{instance}",voice_name="joe",outcome="{outcome}"'
        return {"series": f"tts_requests_total{{{labels}}}", "values": values}

    def expected(question: str, time: str, value: float) -> dict[str, object]:
        asked = fill(question, interval=WINDOW, span="1h")
        return {"expr": asked, "eval_time": time, "exp_samples": [{"value": value}]}

    def failed(instance: str, values: str) -> dict[str, str]:
        return {"series": f'tts_errors_total{{job="ttscope",instance="{instance}",side="server"}}', "values": values}

    case = {
        "interval": "1m",
        "input_series": [
            series("before", "ok", "100+1x60 _x140"),  # 160 when it ends
            series("after", "ok", "_x70 1+1x130"),
            series("after", "error", "_x90 1x110"),
            failed("after", "_x90 1x110"),
        ],
        "promql_expr_test": [
            expected(counted("1h", "ok"), "60m", 60),
            expected(failures("1h"), "60m", 0),
            expected(counted("1h", "error"), "120m", 1),
            expected(counted("1h", "ok", "error"), "120m", 52),
            expected(f"round({burn_rate('1h')}, 0.001)", "120m", round(1 / 52 / (1 - AVAILABILITY.objective), 3)),
            expected(failures("1h"), "180m", 0),
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": [case]}))
    command = [str(stack.binaries["promtool"]), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
