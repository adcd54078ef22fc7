"""Turns the text that a client sent into the phonemes that are spoken.

``normalize.py`` and ``counts.py`` work on the text as it was sent; ``ssml.py`` reads SSML. ``reading.py`` divides it
into sentences (``sentences.py``) and expands numbers, dates and abbreviations by the rules of ``english/``,
``european.py`` and ``numerals.py``; ``readings.py`` has examples. ``phonemes.py`` and ``japanese.py`` make phonemes,
in sandboxed processes that execute ``espeak.py`` and ``open_jtalk.py``. ``alignment.py`` finds the phonemes of each
word.
"""
