"""The providers, which turn an utterance into audio behind one Protocol (``provider.py``).

``coqui.py`` schedules steps of the engine, and ``onnx.py`` runs the same voices on onnxruntime. ``packaged.py`` speaks
with voices of Python packages (``hibari.py``, ``kokoro.py``), ``remote.py`` calls another server, and ``xtts.py``
speaks with clients' recordings. ``factory.py`` builds them from the settings. Providers that speak a sentence at a time
share ``sentencewise.py`` and ``loaded_voice.py``; most share ``pace.py``, ``load_tracker.py``, ``health_check.py`` and
``threads.py``.
"""
