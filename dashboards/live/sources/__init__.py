"""Where the live dashboard reads from: Prometheus, the trace store, the server, the drift job's folder."""
