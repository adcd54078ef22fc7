"""``python -m stack.doctor --numbers``: sends a known load, and holds what five places say of it against each other.

``load.py`` sends it; ``places.py`` reads the places, ``prometheus.py`` and ``exposition.py`` for it; ``figures.py``
compares; ``check.py`` does all of it in order, and ``report.py`` prints it.
"""
