"""The server's process: how it starts, what it locks, what runs in the background, and what a crash leaves.

``launch.py`` sets what OpenMP and the C library read, and ``data_folder.py`` holds the lock. ``background.py`` restarts
tasks that fail, and ``watchdog.py`` ends a process whose event loop hangs. ``journal.py`` names the requests that a
crash has lost; ``restarts.py`` counts crashes.
"""
