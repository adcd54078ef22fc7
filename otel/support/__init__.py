"""The helpers that all programs share.

``environment.py`` reads settings and reports all errors together, ``addresses.py`` has the public addresses of pages.
``generated.py`` keeps generated files up to date. ``private_logs.py`` keeps texts and addresses out of logs,
``rotating_file.py`` limits their size, and ``parent.py`` ends a process with its parent.
"""
