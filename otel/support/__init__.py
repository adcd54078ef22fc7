"""The helpers that all programs share.

``environment.py`` reads settings and reports all errors together, ``addresses.py`` has the public addresses of pages,
``host_names.py`` the names that a port answers for, ``api_key.py`` the key with which our own programs call the server.
``generated.py`` keeps generated files up to date, and ``yaml_text.py`` writes those in YAML. ``private_logs.py`` keeps
texts and addresses out of logs. ``appended_file.py`` writes whole lines or nothing, ``rotating_file.py`` limits the
size of such a file, ``replaced_file.py`` replaces a file as a whole, ``watched_files.py`` tells whether files have
changed, and ``parent.py`` ends a process with its parent.
"""
