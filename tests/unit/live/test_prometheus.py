"""The client of Prometheus: series, exemplars, values of a label, and names of series."""

from __future__ import annotations

from typing import Any

import pytest

from dashboards.live.sources.client import SourceRefused
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.sources.prometheus import Prometheus, regex_of, series_name
from dashboards.panel import Query
from dashboards.variables import VOICE
from tests.unit.live.stub_source import WINDOW, StubSource, exemplar, json_answer, rows, source


def test_series_have_a_value_or_a_gap_at_every_step(stub: StubSource) -> None:
    stub.handler = json_answer(
        rows(
            ({"outcome": "error"}, [[WINDOW.start, "NaN"], [WINDOW.start + 20, "+Inf"]]),
            ({"outcome": "ok"}, [[WINDOW.start, "1.5"], [WINDOW.start + 20, "2"]]),
        )
    )
    query = Query('rate(x{voice_name=~"$voice"}[$__rate_interval])', "{outcome}")
    ok, error = Prometheus(source(stub.url)).query_range(query, WINDOW, {"voice": 'a"b'})
    assert (ok.name, error.name) == ("ok", "error")  # in the contract's order
    assert ok.times == (WINDOW.start, WINDOW.start + 10, WINDOW.start + 20, WINDOW.start + 30)
    assert [str(value) for value in ok.values] == ["1.5", "nan", "2.0", "nan"]
    assert ok.last == 2.0
    assert all(value != value for value in error.values)  # noqa: PLR0124 - what is not finite can't be drawn
    [(path, query)] = stub.requests
    assert path == "/api/v1/query_range"
    assert query["query"] == 'rate(x{voice_name=~"a\\"b"}[40s])'
    assert (query["start"], query["end"], query["step"]) == ("1800000000", "1800000030", "10")


def test_a_native_histogram_has_buckets_or_a_gap_at_every_step(stub: StubSource) -> None:
    buckets = [[3, "-1e-128", "1e-128", "0.5"], [0, "0.9576", "1", "1.5"], [0, "1", "1.0443", "2"]]
    some, none = {"count": "4", "sum": "9", "buckets": buckets}, {"count": "0", "sum": "0"}
    samples = [[WINDOW.start, some], [WINDOW.start + 20, none]]
    stub.handler = json_answer({"data": {"result": [{"metric": {"cache": "hit"}, "histograms": samples}]}})
    [series] = Prometheus(source(stub.url)).query_range(Query("rate(x[5m])", "{cache}"), WINDOW, {})
    assert (series.name, [str(value) for value in series.values]) == ("hit", ["4.0", "nan", "0.0", "nan"])
    zeros = (-1e-128, 1e-128)
    assert series.histograms == ({zeros: 0.5, (0.9576, 1.0): 1.5, (1.0, 1.0443): 2.0}, {}, {}, {})


def test_the_value_of_a_native_histogram_is_the_number_of_its_readings(stub: StubSource) -> None:
    histogram = {"count": "4.5", "sum": "9", "buckets": [[0, "1", "2", "4.5"]]}
    stub.handler = json_answer({"data": {"result": [{"metric": {}, "histogram": [1, histogram]}]}})
    [series] = Prometheus(source(stub.url)).query_instant(Query("rate(x[5m])"), WINDOW, {}, 1)
    assert series.values == (4.5,)


@pytest.mark.parametrize(
    "histogram",
    [
        {},
        1,
        {"count": "x"},
        {"count": "1", "buckets": [1]},
        {"count": "1", "buckets": [["1", "2", "1"]]},
        {"count": "1", "buckets": [[0, "1", "1", "1"]]},
        {"count": "1", "buckets": [[0, "1", "NaN", "1"]]},
    ],
)
def test_an_invalid_histogram_raises_an_error(stub: StubSource, histogram: Any) -> None:
    stub.handler = json_answer({"data": {"result": [{"metric": {}, "histograms": [[WINDOW.start, histogram]]}]}})
    with pytest.raises(SourceRefused, match="an invalid series"):
        Prometheus(source(stub.url)).query_range(Query("x"), WINDOW, {})


def test_only_exemplars_with_a_trace_are_returned(stub: StubSource) -> None:
    exemplars = [
        exemplar("a" * 32),
        exemplar("b" * 32, "NaN"),
        exemplar("javascript:x"),
        {**exemplar("c"), "labels": {}},
    ]
    stub.handler = json_answer({"data": [{"seriesLabels": {"le": "1"}, "exemplars": exemplars}]})
    prometheus = Prometheus(source(stub.url))
    for _ in range(2):
        [series] = prometheus.exemplars("x_bucket", WINDOW)
        assert series == (Exemplar("a" * 32, WINDOW.start + 1.5, 0.5, {"le": "1"}),)
    [(path, query)] = stub.requests
    assert path == "/api/v1/query_exemplars"
    assert query == {"query": "x_bucket", "start": "1800000000", "end": "1800000030"}


@pytest.mark.parametrize("body", [{"data": [{"exemplars": []}]}, {"data": 1}, {"data": [[]]}, {"data": None}])
def test_an_invalid_exemplar_raises_an_error(stub: StubSource, body: Any) -> None:
    stub.handler = json_answer(body)
    with pytest.raises(SourceRefused, match="an invalid exemplar"):
        Prometheus(source(stub.url)).exemplars("x_bucket", WINDOW)


def test_the_values_of_a_variable(stub: StubSource) -> None:
    stub.handler = json_answer({"data": ["joe", "amy"]})
    assert Prometheus(source(stub.url)).label_values(VOICE, WINDOW) == ("amy", "joe")
    assert stub.requests[0][0] == "/api/v1/label/voice_name/values"
    assert stub.requests[0][1]["match[]"] == "tts_requests_total"


def test_selected_values_are_escaped_in_the_regular_expression() -> None:
    assert regex_of(()) == ".*"
    assert regex_of(("a.b", "c")) == r"a\.b|c"


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
    assert series_name(legend, {**labels, "__name__": "x"}) == name
