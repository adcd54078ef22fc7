"""The way from an utterance to chunks of audio: admission, the cache, and the fallback chain of providers.

``synthesizer.py`` asks the cache first; what the cache does not have is admitted and handed to the fallback chain.
``admission.py`` limits the requests, the seconds of audio that are still to be made, and the bytes that wait to be
sent; ``request_slot.py`` is what one request holds of them. ``shares.py`` divides them among clients.
"""
