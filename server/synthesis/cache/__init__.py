"""Audio that was made before: in memory, on Redis, and one synthesis for equal requests.

``cache.py`` looks a request up, and ``clip.py`` is what it finds. ``key.py`` hashes everything that the sound depends
on. ``memory.py`` holds clips in this process; ``shared.py`` holds them on Redis, encrypted by ``seal.py``.
``shared_synthesis.py`` lets equal requests share one synthesis.
"""
