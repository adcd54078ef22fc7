"""The real pipeline without Docker: Collector, Prometheus, Jaeger, Alertmanager, built from pinned sources, and run."""
