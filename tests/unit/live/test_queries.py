"""All queries of a page: what is queried once, and what an error leaves intact."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from dashboards.boards.service import LATENCY
from dashboards.boards.words import WORDS_P95
from dashboards.live.settings import Settings
from dashboards.live.sources.annotation_query import KIND
from dashboards.live.sources.queries import PageView, Sources
from dashboards.live.theme import LIGHT
from dashboards.panel import Panel, Query, Unit
from tests.unit.live.drawing import UTC
from tests.unit.live.stub_source import WINDOW, StubSource, exemplar, json_answer, rows

BOTH = (WORDS_P95, LATENCY)


def test_an_error_of_one_panel_does_not_affect_the_others(stub: StubSource) -> None:
    async def handler(request: web.Request) -> web.Response:
        wrong = request.query["query"] == "wrong("
        body = {"error": "parse error"} if wrong else rows(({}, [1, "2"]), kind="vector")
        return web.json_response(body, status=400 if wrong else 200)

    stub.handler = handler
    sources = Sources.from_settings(Settings(prometheus_url=stub.url))
    good, bad = (
        Panel(name, "T", "D", "bars", Unit.NUMBER, (Query(promql),)) for name, promql in (("a", "up"), ("b", "wrong("))
    )
    data = sources.query_page([good, bad], PageView(WINDOW, {}, LIGHT, UTC)).panels
    assert data["a"].series[0].values == (2.0,)
    assert "parse error" in str(data["b"].error)


def test_a_page_queries_events_once_and_exemplars_of_all_panels_once(stub: StubSource) -> None:
    labels = {"__name__": "tts_request_duration_seconds"}
    alert = {KIND: "Alerts", "alertname": "TtsCpuHigh", "severity": "warning"}

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/api/v1/query_exemplars":
            return web.json_response({"data": [{"seriesLabels": labels, "exemplars": [exemplar("a" * 32)]}]})
        events = [(alert, [[WINDOW.start, "1"]])] if KIND in request.query["query"] else []
        return web.json_response(rows(*events))

    stub.handler = handler
    page = Sources.from_settings(Settings(prometheus_url=stub.url)).query_page(BOTH, PageView(WINDOW, {}, LIGHT, UTC))
    assert [event.title for event in page.events] == ["TtsCpuHigh"]
    trace_ids = {name: [dot.trace_id for dot in answer.exemplars] for name, answer in page.panels.items()}
    assert trace_ids == {"words-p95": [], "latency": ["a" * 32]}
    assert page.problems == ()
    queries = [query["query"] for path, query in stub.requests if path == "/api/v1/query_range"]
    assert len([query for query in queries if KIND in query]) == 1
    assert [path for path, _ in stub.requests].count("/api/v1/query_exemplars") == 1


def test_errors_of_events_and_exemplars_are_reported_beside_the_charts(stub: StubSource) -> None:
    async def handler(request: web.Request) -> web.Response:
        refused = request.path == "/api/v1/query_exemplars" or KIND in request.query["query"]
        body = {"error": "not here"} if refused else rows(({"le": "1"}, [[WINDOW.start, "1"]]))
        return web.json_response(body, status=400 if refused else 200)

    stub.handler = handler
    page = Sources.from_settings(Settings(prometheus_url=stub.url)).query_page(BOTH, PageView(WINDOW, {}, LIGHT, UTC))
    assert [str(problem) for problem in page.problems] == ["Prometheus answers with status 400: not here."] * 2
    assert all(answer.series and not answer.exemplars for answer in page.panels.values())


def test_a_page_of_numbers_queries_neither_events_nor_exemplars(stub: StubSource) -> None:
    stub.handler = json_answer(rows(kind="vector"))
    stat = Panel("a", "T", "D", "bars", Unit.NUMBER, (Query("up"),))
    Sources.from_settings(Settings(prometheus_url=stub.url)).query_page([stat], PageView(WINDOW, {}, LIGHT, UTC))
    assert [path for path, _ in stub.requests] == ["/api/v1/query"]


def test_the_api_key_is_for_the_server_alone(stub: StubSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        keys.append((request.path, request.headers.get("Authorization")))
        return web.json_response({"total_requests": 0, "data": {"result": []}})

    stub.handler = answer
    file = tmp_path / "api.key"
    monkeypatch.delenv("TTSCOPE_API_KEY", raising=False)
    monkeypatch.setenv("TTSCOPE_API_KEY_FILE", str(file))
    sources = Sources.from_settings(Settings(prometheus_url=stub.url, server_url=stub.url))
    sources.server.source.get("/before")
    file.write_text("ttscope_key\n")
    sources.server.summary()
    sources.prometheus.query_instant(Query("up"), WINDOW, {}, 1.0)
    assert keys[:2] == [("/before", None), ("/metrics", "Bearer ttscope_key")]
    assert {key for _, key in keys[2:]} == {None}
