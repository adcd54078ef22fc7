"""The live dashboard: the boards' panels as Plotly charts on a Streamlit page, in a process of its own.

``command.py`` starts Streamlit with ``app.py``: the ``host_guard.py`` before Streamlit's own application, which runs
``page_script.py`` for each viewer, and that serves the ``site.py``. ``sources/`` queries, ``charts/`` draws in the
colours of ``theme.py``, and ``screens/`` arranges. Without Prometheus the page shows the server's current state.
"""
