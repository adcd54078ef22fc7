"""Audio: as bytes that clients can play, from what they upload, and judged.

``formats.py``, ``encoding.py``, ``resampling.py``, ``loudness.py`` and ``wav.py`` make bytes; ``uploads.py`` and
``wav_reader.py`` read them. ``quality.py`` judges every clip, among other things by the bounds of its length
(``length_bounds.py``). ``coding.py``, ``decoding.py`` and ``metering.py`` run in sandboxed processes.
"""
