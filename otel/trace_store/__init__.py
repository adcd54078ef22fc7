"""Trace stores: one interface (``store.py``: a trace by its id, a search by conditions) for two stores.

``jaeger.py`` and ``tempo.py`` implement it over ``json_over_http.py``; ``otlp_json.py`` reads their spans. The doctor,
``server.explain`` and the live dashboard read through it.
"""
