"""Rows: the events of requests, flat, each exactly once, kept as Parquet by the hour of their time.

``store.py`` is the rows as the job uses them. ``ingest.py`` reads new lines of the event files (``sources.py``, up to
the ``offsets.py``), decodes them (``otlp.py``) to the fields of ``fields.py``, and reports what was wrong
(``ingest_report.py``). ``parquet.py`` writes the files, ``query.py`` reads a window of them.
"""
