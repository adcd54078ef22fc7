"""The OpenTelemetry SDK, set up to keep the contract, and everything that leaves the process.

``telemetry.py`` puts it together. ``recording.py`` and ``totals.py`` record metrics; ``sampling.py``, ``spans.py`` and
``propagation.py`` decide which spans leave. ``exposition.py`` and ``trace_memory.py`` are what the process itself
shows. ``events.py`` emits the event of a request, and ``event_file.py``, ``event_json.py`` and ``event_losses.py``
write events to files. ``http.py`` and ``library_views.py`` adapt libraries; ``otlp.py`` reads the standard OTEL_*
variables.
"""
