"""The sources of the live dashboard: Prometheus, the trace store, the server, and the drift job's folder."""
