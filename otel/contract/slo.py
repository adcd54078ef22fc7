"""What the service promises of its availability: dashboards draw it, alerts are made from it."""

AVAILABILITY = 0.995
"""The share of requests that do not fail."""
WINDOW_DAYS = 30
"""Over how long; stack/services.py has Prometheus keep more than that."""
