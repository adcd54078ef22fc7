"""The telemetry contract as data, and how PromQL names it. Nothing here imports ``otel.sdk``.

``metrics.py`` and ``drift_metrics.py`` are the metrics, made of ``instrument.py``, ``labels.py``, ``values.py`` and
``buckets.py``. ``libraries.py`` and ``pipeline.py`` list the metrics of libraries and of the pipeline's programs.
``event_fields.py`` has the fields of events and spans, ``ranges.py`` the ranges of words and characters, ``slo.py`` the
objectives, and ``drift_verdict.py`` is the verdict on a window. ``promql.py`` builds queries from all that.
"""
