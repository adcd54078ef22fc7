"""Alerts as data: Prometheus' rules, Alertmanager's routes, Grafana's alerts, and what tests them, are made from it."""
