"""The reports that people read: the pages of windows, their charts and their wording.

``page.py`` is the page of a window and ``index.py`` the first page. ``charts.py`` draws the values of
``column_values.py``, and ``wording.py`` describes a verdict in words.
"""
