"""Rows: the events of requests, flattened, each exactly once, stored as Parquet by the hour.

``store.py`` is the job's interface to the rows. ``ingest.py`` reads new lines of the event files (``sources.py``, up to
the ``offsets.py``), decodes them (``otlp.py``) to the fields of ``fields.py``, and reports problems
(``ingest_report.py``). ``parquet.py`` writes the files, ``query.py`` reads a window of them.
"""
