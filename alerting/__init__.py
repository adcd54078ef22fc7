"""Alerts as data, from which Prometheus' rules, Alertmanager's routes, Grafana's alerts and tests are generated.

``alert.py`` and ``alerts/`` define the alerts, ``case.py`` and ``cases/`` test when each fires and when it stays
silent. ``rules.py`` writes Prometheus' rules, ``routes.py`` Alertmanager's configuration, ``grafana.py`` Grafana's
alerts, and ``table.py`` the table in README.md. Runbooks (``runbooks/``) are written by hand.
"""
