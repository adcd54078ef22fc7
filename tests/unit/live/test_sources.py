"""What is read over HTTP, from a real small server: good answers, bad ones, late ones, none; and what is then said."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from dashboards.boards.service import LATENCY
from dashboards.boards.words import WORDS_P95
from dashboards.live.period import Window
from dashboards.live.settings import Settings
from dashboards.live.sources.annotation_query import KIND
from dashboards.live.sources.client import NotFound, Source, SourceDown, SourceError, SourceMissing, SourceRefused
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.sources.prometheus import Prometheus, name_of, regex
from dashboards.live.sources.queries import PageView, Sources
from dashboards.live.sources.traces import ENOUGH, Traces
from dashboards.live.sources.ttscope_api import TtscopeApi
from dashboards.live.theme import LIGHT
from dashboards.panel import Panel, Query, Search, Unit
from dashboards.variables import VOICE
from tests.stack import free_ports
from tests.unit.live.drawing import UTC

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WINDOW = Window(1_800_000_000, 1_800_000_030, 10)
HANGS = 3600.0


class Answering:
    """A server in a thread of its own that answers every path by ``handler``; ``asked`` holds what came."""

    def __init__(self) -> None:
        self.handler: Handler = answers({})
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _start(self) -> str:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return f"http://127.0.0.1:{port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, dict(request.query)))
        return await self.handler(request)


@pytest.fixture
def server() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.stop()


def answers(body: Any, status: int = 200) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return handler


async def hangs(request: web.Request) -> web.Response:
    await asyncio.sleep(HANGS)
    return web.Response()


async def nonsense(request: web.Request) -> web.Response:
    return web.Response(text="<html>It works!</html>")


async def drops(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def source(url: str, name: str = "Prometheus", timeout: float = 5.0) -> Source:
    return Source(name, url, timeout, remember_seconds=60)


def traces(tempo: str = "", jaeger: str = "") -> Traces:
    return Traces.at(tempo, jaeger, lambda name, url: source(url, name))


def rows(*found: tuple[dict[str, str], Any], kind: str = "matrix") -> dict[str, Any]:
    key = "values" if kind == "matrix" else "value"
    return {"data": {"resultType": kind, "result": [{"metric": labels, key: values} for labels, values in found]}}


def test_series_have_a_value_or_a_gap_at_every_step(server: Answering) -> None:
    server.handler = answers(
        rows(
            ({"outcome": "error"}, [[WINDOW.start, "NaN"], [WINDOW.start + 20, "+Inf"]]),
            ({"outcome": "ok"}, [[WINDOW.start, "1.5"], [WINDOW.start + 20, "2"]]),
        )
    )
    query = Query('rate(x{voice_name=~"$voice"}[$__rate_interval])', "{outcome}")
    ok, error = Prometheus(source(server.url)).over(query, WINDOW, {"voice": 'a"b'})
    assert (ok.name, error.name) == ("ok", "error")  # in the contract's order
    assert ok.times == (WINDOW.start, WINDOW.start + 10, WINDOW.start + 20, WINDOW.start + 30)
    assert [str(value) for value in ok.values] == ["1.5", "nan", "2.0", "nan"]
    assert ok.last == 2.0
    assert all(value != value for value in error.values)  # noqa: PLR0124 - what is not finite can't be drawn
    [(path, asked)] = server.asked
    assert path == "/api/v1/query_range"
    assert asked["query"] == 'rate(x{voice_name=~"a\\"b"}[40s])'
    assert (asked["start"], asked["end"], asked["step"]) == ("1800000000", "1800000030", "10")


def test_what_was_asked_is_not_asked_again_for_a_while(server: Answering) -> None:
    server.handler = answers(rows())
    prometheus = Prometheus(source(server.url))
    for _ in range(3):
        prometheus.over(Query("up"), WINDOW, {})
        prometheus.now(Query("up"), WINDOW, {}, 1.0)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("handler", "error", "words"),
    [
        (answers({"error": "parse error"}, 400), SourceRefused, r"status 400: parse error"),
        (answers({}, 500), SourceRefused, "status 500"),
        (answers({}, 302), SourceRefused, "status 302"),
        (answers({}, 404), NotFound, "does not have it"),
        (answers([1]), SourceRefused, "is not Prometheus"),
        (answers({"data": {"result": [{"metric": 1}]}}), SourceRefused, "an invalid series"),
        (answers({"data": {"result": None}}), SourceRefused, "an invalid series"),
        (nonsense, SourceRefused, "is not Prometheus"),
        (drops, SourceDown, "does not answer at"),
    ],
)
def test_a_bad_answer_is_said_in_words(
    server: Answering, handler: Handler, error: type[SourceError], words: str
) -> None:
    server.handler = handler
    with pytest.raises(error, match=words):
        Prometheus(source(server.url)).over(Query("up"), WINDOW, {})


def test_who_hangs_is_given_up_and_not_asked_again_at_once(server: Answering) -> None:
    server.handler = hangs
    prometheus = Prometheus(source(server.url, timeout=0.3))
    for _ in range(3):
        with pytest.raises(SourceDown, match="not answer in time"):
            prometheus.over(Query("up"), WINDOW, {})
    assert len(server.asked) == 1


def test_nobody_there(server: Answering) -> None:
    url = f"http://user:secret@127.0.0.1:{free_ports(['port'])['port']}"
    with pytest.raises(SourceDown, match="Prometheus does not answer at http://127") as raised:
        Prometheus(source(url)).is_ready()
    assert "secret" not in str(raised.value)


def test_an_answer_beyond_all_measure_is_cut_off(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.live.sources.client.MOST_BYTES", 1000)
    server.handler = answers({"data": "x" * 2000})
    with pytest.raises(SourceRefused, match="larger than a page can show"):
        source(server.url).get("/")


def test_without_an_address_there_is_none() -> None:
    with pytest.raises(SourceMissing, match="Jaeger is not configured"):
        traces(jaeger="").is_ready()


def test_one_failing_panel_spoils_no_other(server: Answering) -> None:
    async def handler(request: web.Request) -> web.Response:
        wrong = request.query["query"] == "wrong("
        body = {"error": "parse error"} if wrong else rows(({}, [1, "2"]), kind="vector")
        return web.json_response(body, status=400 if wrong else 200)

    server.handler = handler
    sources = Sources.of(Settings(prometheus_url=server.url))
    good, bad = (
        Panel(name, "T", "D", "bars", Unit.NUMBER, (Query(promql),)) for name, promql in (("a", "up"), ("b", "wrong("))
    )
    found = sources.ask([good, bad], PageView(WINDOW, {}, LIGHT, UTC)).answers
    assert found["a"].series[0].values == (2.0,)
    assert "parse error" in str(found["b"].error)


def exemplar(trace_id: str, value: str = "0.5") -> dict[str, Any]:
    return {"labels": {"trace_id": trace_id, "span_id": "b" * 16}, "value": value, "timestamp": WINDOW.start + 1.5}


def test_exemplars_are_those_that_lead_to_a_trace(server: Answering) -> None:
    found = [exemplar("a" * 32), exemplar("b" * 32, "NaN"), exemplar("javascript:x"), {**exemplar("c"), "labels": {}}]
    server.handler = answers({"data": [{"seriesLabels": {"le": "1"}, "exemplars": found}]})
    prometheus = Prometheus(source(server.url))
    for _ in range(2):
        [series] = prometheus.exemplars("x_bucket", WINDOW)
        assert series == (Exemplar("a" * 32, WINDOW.start + 1.5, 0.5, {"le": "1"}),)
    [(path, asked)] = server.asked
    assert path == "/api/v1/query_exemplars"
    assert asked == {"query": "x_bucket", "start": "1800000000", "end": "1800000030"}


@pytest.mark.parametrize("body", [{"data": [{"exemplars": []}]}, {"data": 1}, {"data": [[]]}, {"data": None}])
def test_what_is_no_exemplar_is_said_so(server: Answering, body: Any) -> None:
    server.handler = answers(body)
    with pytest.raises(SourceRefused, match="an invalid exemplar"):
        Prometheus(source(server.url)).exemplars("x_bucket", WINDOW)


BOTH = (WORDS_P95, LATENCY)


def test_a_page_asks_once_for_marks_and_once_for_exemplars_of_all_panels(server: Answering) -> None:
    labels = {"__name__": "tts_request_duration_seconds_bucket", "le": "1"}
    alert = {KIND: "Alerts", "alertname": "TtsCpuHigh", "severity": "warning"}

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/api/v1/query_exemplars":
            return web.json_response({"data": [{"seriesLabels": labels, "exemplars": [exemplar("a" * 32)]}]})
        marks = [(alert, [[WINDOW.start, "1"]])] if KIND in request.query["query"] else []
        return web.json_response(rows(*marks))

    server.handler = handler
    gathered = Sources.of(Settings(prometheus_url=server.url)).ask(BOTH, PageView(WINDOW, {}, LIGHT, UTC))
    assert [mark.title for mark in gathered.marks] == ["TtsCpuHigh"]
    shown = {name: [dot.trace_id for dot in answer.exemplars] for name, answer in gathered.answers.items()}
    assert shown == {"words-p95": [], "latency": ["a" * 32]}
    assert gathered.problems == ()
    queries = [asked["query"] for path, asked in server.asked if path == "/api/v1/query_range"]
    assert len([query for query in queries if KIND in query]) == 1
    assert [path for path, _ in server.asked].count("/api/v1/query_exemplars") == 1


def test_without_marks_and_exemplars_the_charts_are_drawn_and_it_is_said_why(server: Answering) -> None:
    async def handler(request: web.Request) -> web.Response:
        refused = request.path == "/api/v1/query_exemplars" or KIND in request.query["query"]
        body = {"error": "not here"} if refused else rows(({"le": "1"}, [[WINDOW.start, "1"]]))
        return web.json_response(body, status=400 if refused else 200)

    server.handler = handler
    gathered = Sources.of(Settings(prometheus_url=server.url)).ask(BOTH, PageView(WINDOW, {}, LIGHT, UTC))
    assert [str(problem) for problem in gathered.problems] == ["Prometheus answers with status 400: not here."] * 2
    assert all(answer.series and not answer.exemplars for answer in gathered.answers.values())


def test_a_page_of_numbers_alone_asks_for_neither(server: Answering) -> None:
    server.handler = answers(rows(kind="vector"))
    stat = Panel("a", "T", "D", "bars", Unit.NUMBER, (Query("up"),))
    Sources.of(Settings(prometheus_url=server.url)).ask([stat], PageView(WINDOW, {}, LIGHT, UTC))
    assert [path for path, _ in server.asked] == ["/api/v1/query"]


def test_the_values_of_a_variable(server: Answering) -> None:
    server.handler = answers({"data": ["joe", "amy"]})
    assert Prometheus(source(server.url)).label_values(VOICE, WINDOW) == ("amy", "joe")
    assert server.asked[0][0] == "/api/v1/label/voice_name/values"
    assert server.asked[0][1]["match[]"] == "tts_requests_total"


def test_chosen_values_are_text_and_not_a_pattern() -> None:
    assert regex(()) == ".*"
    assert regex(("a.b", "c")) == r"a\.b|c"


@pytest.mark.parametrize(
    ("legend", "name"),
    [
        ("{outcome}", "ok"),
        ("{voice_name} {outcome}", "joe ok"),
        ("p95", "p95"),
        ("", "instance=71e61cd4-5282-438d-b70a-f0fdd0a06edf, outcome=ok, voice_name=joe"),
        ("{instance}", "71e61cd4"),
    ],
)
def test_a_legend_names_the_labels(legend: str, name: str) -> None:
    labels = {"outcome": "ok", "voice_name": "joe", "instance": "71e61cd4-5282-438d-b70a-f0fdd0a06edf"}
    assert name_of(legend, {**labels, "__name__": "x"}) == name


def some_of(seconds: list[float], least: float) -> dict[str, Any]:
    """What Tempo finds: no more than it is asked for, and not the slowest of them."""
    found = [value for value in seconds if value >= least]
    found = found[:: len(found) // ENOUGH or 1][:ENOUGH]
    spans = [{"durationNanos": str(round(value * 1e9)), "attributes": []} for value in found]
    return {
        "traces": [
            {
                "traceID": f"{span['durationNanos']}",
                "startTimeUnixNano": "1800000000000000000",
                "spanSets": [{"spans": [span]}],
            }
            for span in spans
        ]
    }


def test_the_slowest_are_found_although_a_search_is_cut_off(server: Answering) -> None:
    seconds = [0.01 * number for number in range(1, 1000)]

    async def handler(request: web.Request) -> web.Response:
        least = float(request.query["q"].split("duration >= ")[1].split("ms")[0]) / 1e3
        return web.json_response(some_of(seconds, least))

    server.handler = handler
    found = traces(tempo=server.url).slowest(WINDOW, {}, 20)
    assert [round(request.seconds, 2) for request in found] == [round(0.01 * n, 2) for n in range(999, 979, -1)]
    assert all("kind = server" in asked["q"] and asked["limit"] == str(ENOUGH) for _, asked in server.asked)


@pytest.mark.parametrize("identifier", ["../secret", "a/b", "", "x" * 32, "0" * 37])
def test_what_is_no_trace_is_not_asked_for(server: Answering, identifier: str) -> None:
    for ask in (
        traces(jaeger=server.url).trace,
        traces(tempo=server.url).trace,
        TtscopeApi(source(server.url)).trace,
    ):
        with pytest.raises(SourceRefused):
            ask(identifier)
    assert server.asked == []


def test_tempo_is_asked_in_place_of_jaeger_where_there_is_one(server: Answering) -> None:
    server.handler = answers({"traces": [], "data": []})
    assert [traces(server.url, server.url).name, traces(jaeger=server.url).name] == ["Tempo", "Jaeger"]
    for store in (traces(server.url, server.url), traces(jaeger=server.url)):
        assert store.is_ready()
    assert [path for path, _ in server.asked] == ["/api/search", "/api/services"]


@pytest.mark.parametrize(("body", "name"), [({"traces": 1}, "Tempo"), ({"errors": []}, "Jaeger")])
def test_what_is_no_trace_store_is_said_so(server: Answering, body: Any, name: str) -> None:
    server.handler = answers(body)
    store = traces(tempo=server.url) if name == "Tempo" else traces(jaeger=server.url)
    with pytest.raises(SourceRefused, match=f"What answers is not {name}"):
        store.is_ready()
    server.handler = nonsense  # as Jaeger answers what it does not know: 200 and a page
    with pytest.raises(SourceRefused, match=f"is not {name}"):
        store.trace("a" * 32)


def test_a_trace_that_the_store_does_not_have(server: Answering) -> None:
    server.handler = answers({}, 404)
    for store in (traces(tempo=server.url), traces(jaeger=server.url)):
        with pytest.raises(NotFound, match=f"{store.name} does not have it"):
            store.trace("a" * 32)


def test_chosen_voices_and_jobs_are_asked_for(server: Answering) -> None:
    server.handler = answers({"traces": [], "data": []})
    chosen = {"voice": regex(["a.b", "c"]), "job": "ttscope"}
    traces(tempo=server.url).search(Search(()), WINDOW, chosen)
    [(_, asked)] = server.asked
    assert r'''resource.service.name = "ttscope"''' in asked["q"]
    assert r'''span.tts.voice_name =~ "a\\.b|c"''' in asked["q"]
    with pytest.raises(SourceRefused, match="whole values"):
        traces(tempo=server.url).search(Search(()), WINDOW, {"voice": "(a+)+"})
