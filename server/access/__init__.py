"""Who calls, what they may do, and what they did.

``caller.py`` has the caller of a request and the scopes of keys, ``clients.py`` identifies clients by key or address.

``limiter.py`` holds clients to their limits: ``usage.py`` counts what they use, in Redis or in ``limit_storage.py``;
``usage_file.py`` keeps it, ``quota.py`` is a limit of a day or a month, ``limit_fields.py`` writes the header fields.

The audit log: ``audit_entry.py`` is one event, ``audit_chain.py`` its line, ``audit_file.py`` writes it,
``audit_log.py`` does so beside requests, ``audit_check.py`` verifies it.
"""
