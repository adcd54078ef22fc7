"""The HTTP client of a source: valid, invalid, late and missing answers, and their error messages."""

from __future__ import annotations

import pytest

from dashboards.live.sources.client import NotFound, SourceDown, SourceError, SourceMissing, SourceRefused
from dashboards.live.sources.prometheus import Prometheus
from dashboards.panel import Query
from tests.stack import free_ports
from tests.unit.live.stub_source import (
    WINDOW,
    Handler,
    StubSource,
    dropped_connection,
    hanging,
    html_page,
    json_answer,
    rows,
    source,
    traces,
)


def test_answers_are_cached(stub: StubSource) -> None:
    stub.handler = json_answer(rows())
    prometheus = Prometheus(source(stub.url))
    for _ in range(3):
        prometheus.query_range(Query("up"), WINDOW, {})
        prometheus.query_instant(Query("up"), WINDOW, {}, 1.0)
    assert len(stub.requests) == 2


@pytest.mark.parametrize(
    ("handler", "error", "words"),
    [
        (json_answer({"error": "parse error"}, 400), SourceRefused, r"status 400: parse error"),
        (json_answer({}, 500), SourceRefused, "status 500"),
        (json_answer({}, 302), SourceRefused, "status 302"),
        (json_answer({}, 404), NotFound, "does not have it"),
        (json_answer([1]), SourceRefused, "is not Prometheus"),
        (json_answer({"data": {"result": [{"metric": 1}]}}), SourceRefused, "an invalid series"),
        (json_answer({"data": {"result": None}}), SourceRefused, "an invalid series"),
        (html_page, SourceRefused, "is not Prometheus"),
        (dropped_connection, SourceDown, "does not answer at"),
    ],
)
def test_an_invalid_answer_raises_an_error_with_a_message(
    stub: StubSource, handler: Handler, error: type[SourceError], words: str
) -> None:
    stub.handler = handler
    with pytest.raises(error, match=words):
        Prometheus(source(stub.url)).query_range(Query("up"), WINDOW, {})


def test_a_source_that_hangs_is_not_queried_again_at_once(stub: StubSource) -> None:
    stub.handler = hanging
    prometheus = Prometheus(source(stub.url, timeout=0.3))
    for _ in range(3):
        with pytest.raises(SourceDown, match="not answer in time"):
            prometheus.query_range(Query("up"), WINDOW, {})
    assert len(stub.requests) == 1


def test_no_server_at_the_address(stub: StubSource) -> None:
    url = f"http://user:secret@127.0.0.1:{free_ports(['port'])['port']}"
    with pytest.raises(SourceDown, match="Prometheus does not answer at http://127") as raised:
        Prometheus(source(url)).is_ready()
    assert "secret" not in str(raised.value)


def test_a_too_large_answer_is_refused(stub: StubSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.live.sources.client.MAX_BYTES", 1000)
    stub.handler = json_answer({"data": "x" * 2000})
    with pytest.raises(SourceRefused, match="larger than a page can show"):
        source(stub.url).get("/")


def test_a_source_without_an_address_is_missing() -> None:
    with pytest.raises(SourceMissing, match="Jaeger is not configured"):
        traces(jaeger="").is_ready()
