"""Dashboards as code: each panel stands here once, and becomes Grafana's JSON and a chart of the live dashboard.

``panel.py`` and ``boards/`` are data. ``scope.py``, ``objective.py`` and ``traceql.py`` write their queries by the
contract's names. ``drawing.py``, ``rendering.py``, ``layout.py`` and ``build.py`` make Grafana's files in ``grafana/``.
``custom.py`` reads views from YAML (``views/``), whose queries ``promql_check.py`` checks. ``live/`` is the live
dashboard.
"""
