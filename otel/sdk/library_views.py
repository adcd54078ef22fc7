"""The views of the SDK that say which metrics of libraries leave the process."""

from __future__ import annotations

import os

from opentelemetry.sdk.metrics.view import DropAggregation, View

from otel.contract.libraries import HTTP_METRICS, SDK_METRICS

SDK_SWITCH = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"
NO_SDK_METRICS = View(instrument_name="otel.sdk.*", aggregation=DropAggregation())


def library_views() -> list[View]:
    """Returns the views that keep the library metrics of the contract, with its labels, and drop the SDK's other ones.

    What else the instrumentation makes is dropped by otel.sdk.http: each view that matches costs at every reading.
    """
    views = [
        View(instrument_name=metric.name, attribute_keys=set(metric.attributes))
        for metric in (*HTTP_METRICS, *SDK_METRICS)
    ]
    return [*views, NO_SDK_METRICS]


def count_exports() -> None:
    """Makes the SDK count what it exports, unless the environment switches that off."""
    os.environ.setdefault(SDK_SWITCH, "true")
