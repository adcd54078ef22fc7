"""The current state from the server's own summary, GET /metrics, for when there is no Prometheus."""

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
    """Draws the summary of GET /metrics; a value that an older server does not have is a dash."""
    st.caption(HISTORY)
    with st.container(horizontal=True, key="tiles-8-standing"):
        for title, text in tiles(summary).items():
            st.metric(title, text, border=True)
    left, right = st.columns(2)
    with left, st.container(border=True, key="card-standing-words"):
        st.markdown("**Response time by words**", help="Successful requests since the server's start.")
        st.dataframe(range_rows(summary.get("by_word_count_range", {})), hide_index=True)
    with right, st.container(border=True, key="card-standing-providers"):
        st.markdown("**Providers**", help="The most recent attempts of each provider.")
        st.dataframe(provider_rows(summary.get("providers", {})), hide_index=True)
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


def tiles(summary: Mapping[str, Any]) -> dict[str, str]:
    """Returns the titles and the values of the tiles."""
    total = summary.get("successful_requests", 0) + summary.get("failed_requests", 0)
    availability = [bool(provider.get("available")) for provider in summary.get("providers", {}).values()]
    return {
        "Requests per minute": units.format_value(_number(summary.get("requests_per_minute")), Unit.NUMBER),
        "Success": units.format_value(summary.get("successful_requests", 0) / total if total else math.nan, Unit.SHARE),
        "Mean response": units.format_value(_number(summary.get("average_duration_seconds")), Unit.SECONDS),
        "Cache hits": units.format_value(_number(summary.get("cache", {}).get("hit_rate")), Unit.SHARE),
        "In flight": units.format_value(_number(summary.get("requests_in_flight")), Unit.NUMBER),
        "Requests in total": units.format_value(_number(summary.get("total_requests")), Unit.NUMBER),
        "Providers available": f"{sum(availability)} of {len(availability)}" if availability else units.NO_VALUE,
        "Uptime": units.format_value(_number(summary.get("uptime_seconds")), Unit.SECONDS),
    }


def range_rows(summary: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Returns a row for each range that had requests."""
    columns = {"Mean": "avg", "p95": "p95", "p99": "p99", "Maximum": "max"}
    return [
        {
            "Words": label,
            "Requests": str(statistics.get("count", 0)),
            **{title: units.format_value(_number(statistics.get(key)), Unit.SECONDS) for title, key in columns.items()},
        }
        for label, statistics in summary.items()
        if statistics.get("count")
    ]


def provider_rows(summary: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Returns a row for each provider."""
    return [
        {
            "Provider": name,
            "Available": "yes" if provider.get("available") else "no",
            "Attempts": str(provider.get("window", {}).get("attempts", 0)),
            "Success": units.format_value(_number(provider.get("window", {}).get("success_rate")), Unit.SHARE),
            "Median": units.format_value(_number(provider.get("window", {}).get("median_seconds")), Unit.SECONDS),
            "Relative to reference": units.format_value(
                _number(provider.get("window", {}).get("latency_ratio")), Unit.SHARE
            ),
        }
        for name, provider in summary.items()
    ]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
