"""The client of the trace store: the slowest requests, searches, and traces that do not exist."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from dashboards.live.sources.client import NotFound, SourceRefused
from dashboards.live.sources.prometheus import regex_of
from dashboards.live.sources.traces import SEARCH_LIMIT
from dashboards.live.sources.ttscope_api import TtscopeApi
from dashboards.panel import Search
from tests.unit.live.stub_source import WINDOW, StubSource, html_page, json_answer, source, traces


def search_answer(all_seconds: list[float], min_seconds: float) -> dict[str, Any]:
    """Tempo's answer to a search: no more than the limit, and not the slowest of the matching requests."""
    durations = [value for value in all_seconds if value >= min_seconds]
    durations = durations[:: len(durations) // SEARCH_LIMIT or 1][:SEARCH_LIMIT]
    spans = [{"durationNanos": str(round(value * 1e9)), "attributes": []} for value in durations]
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


def test_the_slowest_are_found_although_a_search_is_cut_off(stub: StubSource) -> None:
    seconds = [0.01 * number for number in range(1, 1000)]

    async def handler(request: web.Request) -> web.Response:
        min_seconds = float(request.query["q"].split("duration >= ")[1].split("ms")[0]) / 1e3
        return web.json_response(search_answer(seconds, min_seconds))

    stub.handler = handler
    slowest = traces(tempo=stub.url).slowest(WINDOW, {}, 20)
    assert [round(request.seconds, 2) for request in slowest] == [round(0.01 * n, 2) for n in range(999, 979, -1)]
    assert all("kind = server" in query["q"] and query["limit"] == str(SEARCH_LIMIT) for _, query in stub.requests)


@pytest.mark.parametrize("identifier", ["../secret", "a/b", "", "x" * 32, "0" * 37])
def test_an_invalid_trace_id_is_not_queried(stub: StubSource, identifier: str) -> None:
    for ask in (
        traces(jaeger=stub.url).trace,
        traces(tempo=stub.url).trace,
        TtscopeApi(source(stub.url)).trace,
    ):
        with pytest.raises(SourceRefused):
            ask(identifier)
    assert stub.requests == []


def test_tempo_is_queried_instead_of_jaeger_if_it_has_an_address(stub: StubSource) -> None:
    stub.handler = json_answer({"traces": [], "data": []})
    assert [traces(stub.url, stub.url).name, traces(jaeger=stub.url).name] == ["Tempo", "Jaeger"]
    for store in (traces(stub.url, stub.url), traces(jaeger=stub.url)):
        assert store.is_ready()
    assert [path for path, _ in stub.requests] == ["/api/search", "/api/services"]


@pytest.mark.parametrize(("body", "name"), [({"traces": 1}, "Tempo"), ({"errors": []}, "Jaeger")])
def test_a_server_that_is_not_a_trace_store_raises_an_error(stub: StubSource, body: Any, name: str) -> None:
    stub.handler = json_answer(body)
    store = traces(tempo=stub.url) if name == "Tempo" else traces(jaeger=stub.url)
    with pytest.raises(SourceRefused, match=f"What answers is not {name}"):
        store.is_ready()
    stub.handler = html_page  # as Jaeger answers what it does not know: 200 and a page
    with pytest.raises(SourceRefused, match=f"is not {name}"):
        store.trace("a" * 32)


def test_a_trace_that_the_store_does_not_have(stub: StubSource) -> None:
    stub.handler = json_answer({}, 404)
    for store in (traces(tempo=stub.url), traces(jaeger=stub.url)):
        with pytest.raises(NotFound, match=f"{store.name} does not have it"):
            store.trace("a" * 32)


def test_selected_voices_and_jobs_are_in_the_query(stub: StubSource) -> None:
    stub.handler = json_answer({"traces": [], "data": []})
    variables = {"voice": regex_of(["a.b", "c"]), "job": "ttscope"}
    traces(tempo=stub.url).search(Search(()), WINDOW, variables)
    [(_, query)] = stub.requests
    assert r'''resource.service.name = "ttscope"''' in query["q"]
    assert r'''span.tts.voice_name =~ "a\\.b|c"''' in query["q"]
    with pytest.raises(SourceRefused, match="whole values"):
        traces(tempo=stub.url).search(Search(()), WINDOW, {"voice": "(a+)+"})
