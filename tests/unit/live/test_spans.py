"""Spans in order and as a waterfall, and the parsing of the server's own traces."""

from __future__ import annotations

from dashboards.live.charts import waterfall
from dashboards.live.sources.spans import from_server, in_order, text
from dashboards.live.theme import LIGHT
from otel.trace_store.store import StoredSpan

HOSTILE = "<script>alert(1)</script>"
SPANS = (
    StoredSpan("c", "b", "decode", 10.5, 0.4),
    StoredSpan("a", "", "POST /tts", 10.0, 1.0, attributes={"tts.voice_name": HOSTILE}),
    StoredSpan("d", "gone", "of another server", 10.9, 0.1),
    StoredSpan("b", "a", "attempt", 10.1, 0.8, failed=True),
)


def test_a_parent_stands_before_its_children_and_an_orphan_with_the_first() -> None:
    assert [(depth, span.identifier) for depth, span in in_order(SPANS)] == [(0, "a"), (1, "b"), (2, "c"), (0, "d")]


def test_a_circle_of_parents_ends() -> None:
    circle = (StoredSpan("a", "b", "a", 0, 1), StoredSpan("b", "a", "b", 0, 1))
    assert list(in_order(circle)) == []


def test_bars_begin_where_their_spans_do() -> None:
    figure = waterfall.draw(SPANS, LIGHT)
    [bars] = figure.data
    assert [round(base, 3) for base in bars.base] == [0, 0.1, 0.5, 0.9]
    assert list(bars.text) == ["1 s", "800 ms", "400 ms", "100 ms"]
    assert bars.marker.color[1] == LIGHT.bad
    assert [name.text for name in figure.layout.annotations][:2] == ["POST /tts", "attempt"]


def test_short_spans_of_one_name_are_one_bar() -> None:
    root, short = (
        StoredSpan("a", "", "POST /tts", 0, 100),
        [StoredSpan(f"e{n}", "a", "encode", 50 + n, 0.01) for n in range(20)],
    )
    [bars] = waterfall.draw((root, *short, StoredSpan("s", "a", "send", 80, 10)), LIGHT).data
    assert list(bars.text) == ["1.67 min", "19 s", "10 s"]
    assert "encode (20)" in bars.hovertext[1]
    [bars] = waterfall.draw((root, *(StoredSpan(f"d{n}", "a", "decode", 10 * n, 9) for n in range(5))), LIGHT).data
    assert len(bars.x) == 6


def test_attributes_of_spans_are_escaped() -> None:
    [bars] = waterfall.draw(SPANS, LIGHT).data
    assert "<script" not in bars.hovertext[0]
    assert "&lt;script&gt;" in bars.hovertext[0]


def test_a_trace_of_no_time_at_all_is_drawn() -> None:
    assert waterfall.draw((StoredSpan("a", "", "a", 5, 0),), LIGHT).to_json()


def test_the_servers_own_traces_are_read() -> None:
    own = {
        "span_id": "01",
        "parent_span_id": None,
        "name": "POST /tts",
        "start_unix_nano": 10_000_000_000,
        "duration_seconds": 1.5,
        "status": "ERROR",
        "attributes": {"tts.word_count": 7},
    }
    assert from_server({"spans": [own]}) == (StoredSpan("01", "", "POST /tts", 10.0, 1.5, True, {"tts.word_count": 7}),)


def test_numbers_are_written_short() -> None:
    assert [text(value) for value in (0.123456, 7, "joe", True)] == ["0.1235", "7", "joe", "True"]
