"""What the server reports of itself.

``recorder.py`` is the one place where a finished request becomes metrics, spans and its event; ``slowness.py`` names in
one word why a slow one was slow. ``provider_metrics.py`` records what providers report. ``degradation.py`` compares it
with the ``latency_baseline.py`` and tells operators what has become worse. ``samplers.py`` reads memory, CPU and GPU,
``gauges.py`` and ``counters.py`` register metrics, and ``summary.py`` is what GET /metrics shows.
"""
