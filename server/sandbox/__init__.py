"""Sandboxed processes for native code that reads clients' input: a crash ends one of them, never the server.

``fork_server.py`` starts the fork server (``__main__.py``), which loads a library once and forks. ``pool.py`` keeps
warm processes, and ``session.py`` binds requests to one process. ``limits.py`` limits memory, time and files;
``wire.py`` sends messages that can hold no code.
"""
