"""The calls of the API, one module for each kind. No route imports an engine or a provider.

``dialect.py`` is one API's way to ask for speech: ``requests.py`` validates the server's own, ``openai_api.py`` and
``coqui_api.py`` are the others, and ``speech.py`` answers them all. ``sending.py`` encodes chunks and sends them:
whole, with word times (``captions.py``), as a stream, or as server-sent events (``events.py``). ``delivery.py`` limits
the time that a client may take, and counts the bytes that wait for it. ``route.py`` and ``operations.py`` describe each
call for ``openapi.py``. The other modules are calls that do not speak: voices, health, metrics, traces, pages.
"""
