"""The path from an utterance to chunks of audio: admission, the cache, and the fallback chain of providers.

``synthesizer.py`` looks in the cache first; a miss passes admission and goes to the fallback chain. ``admission.py``
limits requests, seconds of pending audio and unsent bytes; ``request_slot.py`` is one request's share of those limits,
and ``shares.py`` counts the share of each client.
"""
