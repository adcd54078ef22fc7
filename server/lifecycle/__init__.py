"""The life of the server's process: startup, locking, background tasks and crash recovery.

``launch.py`` sets the variables for OpenMP and the C library, and ``data_folder.py`` holds the lock. ``background.py``
restarts failed tasks, and ``watchdog.py`` ends a process whose event loop hangs. ``journal.py`` records the requests
that a crash loses; ``restarts.py`` counts crashes.
"""
