"""The live dashboard: the boards' panels as Plotly charts on a Streamlit page, in a process of its own.

``command.py`` starts Streamlit with ``app.py``, which serves the ``site.py``. ``sources/`` queries, ``charts/`` draws
in the colours of ``theme.py``, and ``screens/`` arranges. Without Prometheus the page shows the server's current state.
"""
