"""Who calls, what they may do, and what they did.

``caller.py`` has the caller of a request and the scopes of keys. The audit log: ``audit_entry.py`` is one event,
``audit_chain.py`` its line, ``audit_file.py`` writes it, ``audit_log.py`` does so beside requests, ``audit_check.py``
verifies it.
"""
