"""Dashboards as code: each panel is defined once, and becomes Grafana's JSON and a chart of the live dashboard.

``panel.py`` and ``boards/`` are data. ``scope.py``, ``objective.py`` and ``traceql.py`` write their queries with the
contract's names. ``drawing.py``, ``rendering.py``, ``layout.py`` and ``build.py`` generate Grafana's files in
``grafana/``. ``custom.py`` reads views from YAML (``views/``), whose queries ``promql_check.py`` checks. ``live/`` is
the live dashboard.
"""
