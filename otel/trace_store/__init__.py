"""Where traces are kept and searched: one interface, and its two stores, Jaeger and Grafana Tempo."""
