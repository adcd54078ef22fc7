"""Turns the text that a client sent into the phonemes that are spoken.

``script.py`` prepares the text of a request: it takes out emotion tags (``emotions.py``) and finds the blocks of plain
text (``plain.py``, ``stars.py``) and Markdown (``markdown.py``), or the passages of SSML (``ssml.py``).
``normalize.py`` and ``counts.py`` work on the text as it was sent. ``reading.py`` divides it into sentences
(``sentences.py``) and expands numbers, dates and abbreviations by the rules of ``english/``, ``european/`` and
``numerals.py``; ``readings.py`` has examples. ``phonemes.py`` and ``japanese.py`` make phonemes, in sandboxed processes
that execute ``espeak.py`` and ``open_jtalk.py``. ``alignment.py`` finds the phonemes of each word.
``source_reading.py`` tells how each stretch of a text is read.
"""
