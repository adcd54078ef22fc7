"""What the Collector says of itself, as far as it is asked for: the names, which are not ours to choose."""

from __future__ import annotations

from otel.library_metrics import LibraryMetric

EXPORTER = ("exporter",)
ITEMS = ("spans", "metric_points", "log_records")

UPTIME = LibraryMetric("otelcol_process_uptime", "counter", "s", "Time since the Collector was started.")
QUEUE_SIZE = LibraryMetric(
    "otelcol_exporter_queue_size", "gauge", "{batches}", "What waits on disk for a store, in bytes.", EXPORTER
)
QUEUE_CAPACITY = LibraryMetric(
    "otelcol_exporter_queue_capacity", "gauge", "{batches}", "What can wait for a store, in bytes.", EXPORTER
)
SEND_FAILED = tuple(
    LibraryMetric(
        f"otelcol_exporter_send_failed_{item}", "counter", f"{{{item}}}", "Dropped: a store refused it.", EXPORTER
    )
    for item in ITEMS
)
ENQUEUE_FAILED = tuple(
    LibraryMetric(
        f"otelcol_exporter_enqueue_failed_{item}", "counter", f"{{{item}}}", "Dropped: the queue is full.", EXPORTER
    )
    for item in ITEMS
)
COLLECTOR_METRICS = (UPTIME, QUEUE_SIZE, QUEUE_CAPACITY, *SEND_FAILED, *ENQUEUE_FAILED)
