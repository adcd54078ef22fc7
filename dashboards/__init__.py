"""Dashboards as code: each panel stands here once, and becomes Grafana's JSON and a chart of the live dashboard."""
