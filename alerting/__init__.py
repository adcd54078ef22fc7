"""Alerts as data: Prometheus' rules, Alertmanager's routes, Grafana's alerts and their tests are made from it.

``alert.py`` and ``alerts/`` say what is wrong, ``case.py`` and ``cases/`` when each alert fires and when it stays
silent. ``rules.py`` writes Prometheus' rules, ``routes.py`` Alertmanager's configuration, ``grafana.py`` Grafana's
alerts, and ``table.py`` the table in README.md. Runbooks (``runbooks/``) are written by hand.
"""
