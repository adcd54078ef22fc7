"""The real pipeline without Docker: Collector, Prometheus, Tempo, Alertmanager, built from pinned sources, and run."""
