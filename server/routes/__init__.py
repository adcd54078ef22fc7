"""The routes of the API, one module for each kind. No route imports an engine or a provider.

``dialect.py`` defines a dialect, one API's form of a speech request: ``requests.py`` validates the server's own,
``openai_api.py`` and ``coqui_api.py`` are the others, and ``speech.py`` handles them all. ``sending.py`` encodes chunks
and sends them: whole, with word timestamps (``captions.py``), as a stream, or as server-sent events (``events.py``).
``delivery.py`` applies the send timeouts and counts unsent bytes. ``route.py`` and ``operations.py`` describe each
operation for ``openapi.py``. The other modules are routes without speech: voices, health, metrics, traces, pages.
"""
