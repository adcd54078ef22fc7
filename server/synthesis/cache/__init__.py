"""The audio cache: clips in memory and on Redis, and one synthesis for concurrent equal requests.

``cache.py`` looks up the clip (``clip.py``) of a request. ``key.py`` hashes everything that the sound depends on.
``memory.py`` holds clips in this process; ``shared.py`` holds them on Redis, encrypted by ``seal.py``.
``shared_synthesis.py`` coalesces equal requests into one synthesis.
"""
