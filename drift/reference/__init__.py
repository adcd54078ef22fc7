"""The reference that windows are compared with, its thresholds, and the calibration of both.

``reference.py`` is the data, ``calibration.py`` makes it. ``distance.py`` compares two sets of values, ``rarity.py``
turns distances into thresholds, and ``lengths.py`` has the usual values at each length of text.
"""
