"""Encodes audio for clients, decodes what they upload, and judges the quality of clips.

``formats.py``, ``encoding.py``, ``resampling.py``, ``loudness.py``, ``wav.py``, ``sample_encoding.py`` and ``g711.py``
encode audio; ``uploads.py`` and ``wav_reader.py`` decode it. ``quality.py`` judges every clip, among other things by
the bounds of its length (``length_bounds.py``). ``coding.py``, ``decoding.py`` and ``metering.py`` run in sandboxed
processes.
"""
