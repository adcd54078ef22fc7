"""Both trace stores by recorded answers: Tempo's real ones, and what Jaeger answers where it answers oddly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from otel.trace_store.jaeger import PAGE, Jaeger
from otel.trace_store.json_over_http import JsonOverHttp
from otel.trace_store.store import (
    DURATION,
    Condition,
    TraceSearch,
    TraceStore,
    TraceStoreError,
    above,
    at_least,
    one_of,
    present,
    request_attributes,
)
from otel.trace_store.tempo import Tempo
from tests.server_process import ROOT

RECORDED = ROOT / "tests" / "recorded" / "tempo"
SLOW = "60884b486469d3f065a7d3af73f5d411"
NOW = 1_800_000_000.0
WEEK = 7 * 24 * 3600


class Recorded:
    """Answers by path; ``asked`` holds what came."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Mapping[str, str | int]]] = []

    def __call__(self, path: str, parameters: Mapping[str, str | int]) -> Any:
        self.asked.append((path, parameters))
        return self.answers.get(path.rpartition("/")[2])


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


def test_tempos_trace_is_read() -> None:
    store = Tempo(Recorded(**{SLOW: recorded("trace")}))
    spans = store.trace(SLOW)
    assert {span.name for span in spans} == {"POST /tts", "attempt", "normalize"}
    [root] = [span for span in spans if not span.parent]
    assert {span.parent for span in spans if span is not root} == {root.identifier}
    assert root.seconds == pytest.approx(19.278504734)
    assert not root.failed
    attributes = request_attributes(spans)
    assert attributes == root.attributes
    assert attributes["tts.word_count_range"] == "200+"
    assert isinstance(attributes["tts.word_count"], int)
    assert isinstance(attributes["tts.duration"], float)
    assert store.trace("0" * 32) == ()


def test_tempos_search_is_read() -> None:
    ask = Recorded(search=recorded("search-slow"))
    found = Tempo(ask).search(TraceSearch(NOW - 60, NOW, ((one_of("tts.word_count_range", "200+"),),), limit=3))
    assert found[0].trace_id == SLOW
    assert [summary.started for summary in found] == sorted((summary.started for summary in found), reverse=True)
    assert found[0].seconds == pytest.approx(19.278504734)
    assert (found[0].name, found[0].attributes) == ("POST /tts", {"tts.word_count_range": "200+"})
    [(path, asked)] = ask.asked
    assert path == "/api/search"
    assert (asked["limit"], asked["start"], asked["end"]) == (3, NOW - 60, NOW)
    assert str(asked["q"]).startswith('{ kind = server && span.tts.word_count_range = "200+" } | select(span.tts.')


def test_a_search_in_tempo_that_matches_several_spans_has_the_attributes_of_all() -> None:
    found = Tempo(Recorded(search=recorded("search-refused"))).search(TraceSearch(0, NOW))
    assert {summary.attributes["tts.outcome"] for summary in found} == {"rejected"}


def test_tempo_is_asked_about_no_more_than_it_takes() -> None:
    ask = Recorded(search={"traces": []})
    Tempo(ask).search(TraceSearch(0, NOW))
    assert ask.asked[0][1]["start"] == NOW - WEEK


def test_tempo_finds_nothing_where_it_leaves_the_traces_out() -> None:
    assert Tempo(Recorded(search={"metrics": {}})).search(TraceSearch(0, NOW)) == ()


@pytest.mark.parametrize("store", [Tempo, Jaeger])
@pytest.mark.parametrize("answer", [[], {"traces": 1, "data": 1}, {"batches": [{}], "result": {}}, "It works!", 7])
def test_what_is_no_trace_is_said_so(store: type[Tempo] | type[Jaeger], answer: Any) -> None:
    asked: TraceStore = store(lambda path, parameters: answer)
    for question in (asked.check, lambda: asked.search(TraceSearch(0, 1)), lambda: asked.trace("a")):
        with pytest.raises(TraceStoreError, match=asked.name):
            question()


def jaeger_trace(number: int, start: int, **tags: Any) -> dict[str, Any]:
    kind = {"key": "span.kind", "value": "server"}
    span = {"spanID": "a", "operationName": "POST /tts", "startTime": start, "duration": 1000, "references": []}
    span["tags"] = [kind, *({"key": f"tts.{key}", "value": value} for key, value in tags.items())]
    return {"traceID": f"{number:x}", "spans": [span]}


class Pages:
    """Jaeger with as many traces as are given, a page at a time, the newest first."""

    def __init__(self, traces: list[dict[str, Any]]) -> None:
        self.traces = sorted(traces, key=lambda trace: -trace["spans"][0]["startTime"])
        self.asked: list[Mapping[str, str | int]] = []

    def __call__(self, path: str, parameters: Mapping[str, str | int]) -> Any:
        if path == "/api/services":
            return {"data": ["ttscope"]}
        self.asked.append(parameters)
        end = int(parameters["end"])
        found = [trace for trace in self.traces if trace["spans"][0]["startTime"] <= end]
        return {"data": found[: int(parameters["limit"])]}


def test_a_search_in_jaeger_goes_on_until_it_has_found_enough() -> None:
    pages = Pages([jaeger_trace(n, n + 1, voice_name="rare" if n in (3, 5) else "joe") for n in range(3 * PAGE)])
    voices = ((one_of("tts.voice_name", "rare", "none"),),)
    found = Jaeger(pages).search(TraceSearch(0, 1, voices, limit=2))
    assert [summary.trace_id for summary in found] == [f"{5:032x}", f"{3:032x}"]
    assert len(pages.asked) == 3  # one trace of each page is in the next, too
    assert len(Jaeger(Pages(pages.traces)).search(TraceSearch(0, 1, limit=1000))) == 3 * PAGE


def test_a_search_in_jaeger_ends_where_a_whole_page_began_at_once() -> None:
    pages = Pages([jaeger_trace(n, 7) for n in range(2 * PAGE)])
    assert len(Jaeger(pages).search(TraceSearch(0, 1, limit=1000))) == PAGE
    assert len(pages.asked) == 2


def test_equalities_and_the_least_duration_narrow_a_search_in_jaeger() -> None:
    pages = Pages([])
    conditions = (
        (one_of("tts.outcome", "error"),),
        (at_least(DURATION, 0.5),),
        (above(DURATION, 0.0000015),),
        (one_of("tts.voice_name", "a", "b"),),
        (present("tts.slow_reason"), one_of("tts.cache", "hit")),
    )
    Jaeger(pages).search(TraceSearch(1.5, 2.5, conditions, ("a",)))
    [asked] = pages.asked
    assert (asked["service"], asked["start"], asked["end"], asked["minDuration"]) == ("a", 1500000, 2500000, "500000us")
    assert json.loads(str(asked["tags"])) == {"span.kind": "server", "tts.outcome": "error"}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (one_of("a", "x", "7"), (False, True, True)),
        (above("a", 6), (False, False, True)),
        (above("a", 7), (False, False, False)),
        (at_least("a", 7), (False, False, True)),
        (present("a"), (False, True, True)),
        (at_least(DURATION, 0.5), (True, True, True)),
        (above(DURATION, 0.5), (False, False, False)),
    ],
)
def test_conditions(condition: Condition, holds: tuple[bool, ...]) -> None:
    assert tuple(condition.holds(attributes, 0.5) for attributes in ({}, {"a": "x"}, {"a": 7})) == holds


def test_a_text_is_above_no_number() -> None:
    assert not above("a", 0).holds({"a": "x"}, 0.5)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1:9"])
def test_a_store_that_is_not_there(url: str) -> None:
    with pytest.raises(TraceStoreError, match=re.escape(url)):
        JsonOverHttp(url)("/", {})
