"""The server's own account in words, of a real summary and of one that says nothing."""

from __future__ import annotations

from dashboards.live import standing
from server.speech import CacheResult
from server.summary import Summary
from server.watch import Watch


def test_a_server_that_nobody_asked() -> None:
    summary = {
        **Summary().describe({}),
        "cache": Summary().describe_cache(),
        **Watch(["coqui", "onnx"], None).describe(),
    }
    told = standing.facts(summary)
    assert told["Requests in all"] == "0"
    assert told["Success"] == told["Cache hits"] == told["Mean response"] == "-"
    assert told["Providers available"] == "2 of 2"
    assert standing.ranges(summary["by_word_count_range"]) == []
    assert [row["Available"] for row in standing.providers(summary["providers"])] == ["yes", "yes"]
    assert {str(result) for result in CacheResult} <= summary["cache"].keys()


def test_what_a_server_does_not_tell_is_a_dash() -> None:
    assert set(standing.facts({}).values()) == {"-"}
    [row] = standing.providers({"coqui": {}})
    assert row["Attempts"] == "0"
    assert row["Success"] == "-"


def test_ranges_that_were_asked_for_are_rows() -> None:
    [row] = standing.ranges(
        {"1-10": {"count": 3, "avg": 0.2, "p95": 0.31, "p99": None, "max": 0.4}, "200+": {"count": 0}}
    )
    assert row == {"Words": "1-10", "Requests": "3", "Mean": "200 ms", "p95": "310 ms", "p99": "-", "Longest": "400 ms"}
