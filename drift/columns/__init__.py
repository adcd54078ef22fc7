"""Drift columns: the quantities that are judged, and the frames of their values, which are derived from rows.

``column.py`` defines what a column is, ``columns.py`` lists them all; they are defined in ``traffic.py``,
``service.py`` and ``audio.py`` from the ``requests.py`` of a window. ``frame.py`` converts rows to columns, and
``reader.py`` guards against invalid rows.
"""
