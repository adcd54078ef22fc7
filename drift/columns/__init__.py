"""Drift columns: what is judged, and the frames of values that are made from rows.

``column.py`` says what a column is, ``columns.py`` lists them all; they are defined in ``traffic.py``, ``service.py``
and ``audio.py`` from the ``requests.py`` of a window. ``frame.py`` makes rows into columns, and ``reader.py`` guards
against what rows may hold.
"""
