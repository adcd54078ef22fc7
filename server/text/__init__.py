"""The way from what a client wrote to what is spoken.

``normalize.py`` and ``counts.py`` work on the text as it was sent; ``ssml.py`` reads SSML. ``reading.py`` divides it
into sentences (``sentences.py``) and expands numbers, dates and abbreviations by the rules of ``english.py``,
``european.py`` and ``numerals.py``. ``phonemes.py`` and ``japanese.py`` make phonemes, in sandboxed processes that
execute ``espeak.py`` and ``open_jtalk.py``. ``alignment.py`` says which phonemes belong to which word.
"""
