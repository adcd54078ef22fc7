"""The server's own telemetry.

``recorder.py`` is the only place where a finished request becomes metrics, spans and its event; ``slowness.py`` gives
the reason of a slow request. ``provider_metrics.py`` records the reports of providers. ``degradation.py`` compares
attempts with the ``latency_baseline.py`` and detects providers that got worse. ``samplers.py`` reads memory, CPU and
GPU, ``gauges.py`` and ``counters.py`` register metrics, and ``summary.py`` makes the body of GET /metrics.
"""
