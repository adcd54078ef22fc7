"""The SDK's views, which select the metrics of libraries that are exported."""

from __future__ import annotations

import os

from opentelemetry.sdk.metrics.view import DropAggregation, View

from otel.contract.libraries import HTTP_METRICS, SDK_METRICS

SDK_SWITCH = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"
NO_SDK_METRICS = View(instrument_name="otel.sdk.*", aggregation=DropAggregation())


def library_views() -> list[View]:
    """Returns views that keep the contract's library metrics, with its labels, and drop the SDK's other metrics.

    otel.sdk.http drops other metrics of the instrumentation, since each view that matches costs time at every reading.
    """
    views = [
        View(instrument_name=metric.name, attribute_keys=set(metric.attributes))
        for metric in (*HTTP_METRICS, *SDK_METRICS)
    ]
    return [*views, NO_SDK_METRICS]


def count_exports() -> None:
    """Makes the SDK count its exports, unless the environment disables that."""
    os.environ.setdefault(SDK_SWITCH, "true")
