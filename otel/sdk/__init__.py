"""The OpenTelemetry SDK, set up by the contract, and everything that leaves the process.

``telemetry.py`` assembles it. ``recording.py``, ``totals.py`` and ``histograms.py`` record metrics, and
``histogram_export.py`` exports histograms; ``sampling.py``, ``spans.py`` and ``propagation.py`` decide which spans are
exported. ``exposition.py``, with ``prometheus_data.py`` and ``prometheus_protobuf.py``, and ``trace_memory.py`` hold
what the process itself shows. ``events.py`` emits the event of a request, and ``event_file.py``, ``event_json.py`` and
``event_losses.py`` write events to files. ``http.py`` and ``library_views.py`` adapt libraries. ``variables.py`` lists
the OTEL_* variables, ``otlp.py`` reads them, ``exporters.py``, ``otlp_over_http.py`` and ``limits.py`` export as they
say.
"""
