"""The telemetry contract as data: labels, metrics, event fields, ranges, objectives, and how PromQL names them."""
