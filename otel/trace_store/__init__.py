"""Trace stores: one interface to read and search traces, implemented for Jaeger and for Grafana Tempo."""
