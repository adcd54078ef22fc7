"""The current state: tiles and rows from a real summary, and from an empty one."""

from __future__ import annotations

from dashboards.live.screens import current_state
from otel.contract.values import CacheResult
from server.telemetry.degradation import DegradationMonitor
from server.telemetry.summary import Summary


def test_a_server_without_requests() -> None:
    summary = {
        **Summary().describe({}),
        "cache": Summary().describe_cache(),
        **DegradationMonitor(["coqui", "onnx"], None).describe(),
    }
    tiles = current_state.tiles(summary)
    assert tiles["Requests in total"] == "0"
    assert tiles["Success"] == tiles["Cache hits"] == tiles["Mean response"] == "-"
    assert tiles["Providers available"] == "2 of 2"
    assert current_state.range_rows(summary["by_word_count_range"]) == []
    assert [row["Available"] for row in current_state.provider_rows(summary["providers"])] == ["yes", "yes"]
    assert {str(result) for result in CacheResult} <= summary["cache"].keys()


def test_a_missing_value_is_a_dash() -> None:
    assert set(current_state.tiles({}).values()) == {"-"}
    [row] = current_state.provider_rows({"coqui": {}})
    assert row["Attempts"] == "0"
    assert row["Success"] == "-"


def test_ranges_with_requests_are_rows() -> None:
    [row] = current_state.range_rows(
        {"1-10": {"count": 3, "avg": 0.2, "p95": 0.31, "p99": None, "max": 0.4}, "200+": {"count": 0}}
    )
    assert row == {"Words": "1-10", "Requests": "3", "Mean": "200 ms", "p95": "310 ms", "p99": "-", "Maximum": "400 ms"}
