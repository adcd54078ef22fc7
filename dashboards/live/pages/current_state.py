"""The current state by the server's own account, GET /metrics: what is left to show without Prometheus."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboards.live import units
from dashboards.panel import Unit

HISTORY = (
    "This is the server's own summary since its start. For history, start the whole pipeline, which includes "
    "Prometheus, with `make stack` (or `docker compose up`)."
)


def show(summary: Mapping[str, Any]) -> None:
    """The account, as GET /metrics has it; what an older server does not tell is left out."""
    st.caption(HISTORY)
    with st.container(horizontal=True, key="tiles-8-standing"):
        for title, text in facts(summary).items():
            st.metric(title, text, border=True)
    left, right = st.columns(2)
    with left, st.container(border=True, key="card-standing-words"):
        st.markdown("**Response time by words**", help="Successful requests since the server's start.")
        st.dataframe(ranges(summary.get("by_word_count_range", {})), hide_index=True)
    with right, st.container(border=True, key="card-standing-providers"):
        st.markdown("**Providers**", help="The most recent attempts of each provider.")
        st.dataframe(providers(summary.get("providers", {})), hide_index=True)
    with left, st.container(border=True, key="card-standing-errors"):
        st.markdown("**Errors by type**", help="Rejected and failed requests since the server's start.")
        errors = summary.get("errors_by_type", {})
        if errors:
            st.dataframe([{"Error": name, "Requests": count} for name, count in errors.items()], hide_index=True)
        else:
            st.caption("No request was rejected or failed.")
    with right, st.container(border=True, key="card-standing-cache"):
        st.markdown("**Cache**", help="Cache lookups by result, since the server's start.")
        cache = summary.get("cache", {})
        results = ("hit", "miss", "coalesced", "bypass")
        st.dataframe([{"Result": name, "Requests": cache.get(name, 0)} for name in results], hide_index=True)


def facts(summary: Mapping[str, Any]) -> dict[str, str]:
    """Titles and values of the tiles."""
    done = summary.get("successful_requests", 0) + summary.get("failed_requests", 0)
    available = [bool(provider.get("available")) for provider in summary.get("providers", {}).values()]
    return {
        "Requests per minute": units.write(_number(summary.get("requests_per_minute")), Unit.NUMBER),
        "Success": units.write(summary.get("successful_requests", 0) / done if done else math.nan, Unit.SHARE),
        "Mean response": units.write(_number(summary.get("average_duration_seconds")), Unit.SECONDS),
        "Cache hits": units.write(_number(summary.get("cache", {}).get("hit_rate")), Unit.SHARE),
        "In flight": units.write(_number(summary.get("requests_in_flight")), Unit.NUMBER),
        "Requests in total": units.write(_number(summary.get("total_requests")), Unit.NUMBER),
        "Providers available": f"{sum(available)} of {len(available)}" if available else units.NOTHING,
        "Uptime": units.write(_number(summary.get("uptime_seconds")), Unit.SECONDS),
    }


def ranges(summary: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Rows of the ranges that were asked for."""
    columns = {"Mean": "avg", "p95": "p95", "p99": "p99", "Maximum": "max"}
    return [
        {
            "Words": label,
            "Requests": str(told.get("count", 0)),
            **{title: units.write(_number(told.get(key)), Unit.SECONDS) for title, key in columns.items()},
        }
        for label, told in summary.items()
        if told.get("count")
    ]


def providers(summary: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Rows of all providers."""
    return [
        {
            "Provider": name,
            "Available": "yes" if told.get("available") else "no",
            "Attempts": str(told.get("window", {}).get("attempts", 0)),
            "Success": units.write(_number(told.get("window", {}).get("success_rate")), Unit.SHARE),
            "Median": units.write(_number(told.get("window", {}).get("median_seconds")), Unit.SECONDS),
            "Relative to reference": units.write(_number(told.get("window", {}).get("latency_ratio")), Unit.SHARE),
        }
        for name, told in summary.items()
    ]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
