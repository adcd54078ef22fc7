"""The helpers that all programs share.

``environment.py`` reads settings and reports all errors together, ``addresses.py`` has the public addresses of pages.
``generated.py`` keeps generated files up to date. ``private_logs.py`` keeps texts and addresses out of logs.
``appended_file.py`` writes whole lines or nothing, ``rotating_file.py`` limits the size of such a file, and
``parent.py`` ends a process with its parent.
"""
