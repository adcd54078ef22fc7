"""Sandboxed processes for native code that reads what clients send: a crash ends one of them, never the server.

``fork_server.py`` starts the fork server (``__main__.py``), which loads a library once and forks. ``pool.py`` keeps
warm processes, and ``session.py`` keeps requests with one process. ``limits.py`` limits memory, time and files;
``wire.py`` carries messages without code.
"""
