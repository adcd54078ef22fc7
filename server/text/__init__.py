"""Turns the text that a client sent into the phonemes that are spoken.

``script.py`` prepares the text of a request: it takes out emotion tags (``emotions.py``) and finds the blocks of plain
text (``plain.py``, ``stars.py``) and Markdown (``markdown.py``), or the passages of SSML (``ssml.py``,
``text_runs.py``). ``normalize.py`` and ``counts.py`` work on the text as it was sent. ``language_detection.py`` finds
which parts are in other languages; ``languages.py`` says which a voice can speak. ``lexicon.py`` finds the words that
the request or a dictionary (``dictionaries.py``, ``dictionary_files.py``) says otherwise. ``reading.py`` divides the
text into sentences (``sentences.py``) and expands numbers, dates and abbreviations by the rules of ``english/``,
``european/`` and ``numerals.py``, of each part by those of its language (``language_runs.py``); ``readings.py`` has
examples. ``phonemes.py`` and ``japanese.py`` make phonemes, in sandboxed processes that execute ``espeak.py`` and
``open_jtalk.py``; ``transcriptions.py`` puts those that are given (``ipa.py``) in their place, ``language_marks.py``
tells the language of a part, and ``nearest_phonemes.py`` replaces what a voice can't make. ``alignment.py`` finds the
phonemes of each word. ``source_reading.py`` tells how each stretch of a text is read.
"""
