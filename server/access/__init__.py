"""Who calls, what they may do, and what they did.

``caller.py`` has the caller of a request and the scopes of keys, ``clients.py`` identifies clients by key or address.

``api_key.py`` is the form of a key, ``key_record.py`` what is kept of it, ``key_entry.py`` how it is written.
``key_database.py`` and ``key_file.py`` are the places of keys, ``keyring.py`` has them in memory. ``exposure.py`` says
where a server may listen, ``failed_attempts.py`` counts wrong keys, ``route_rules.py`` says what each key may do.

``limiter.py`` holds clients to their limits: ``usage.py`` counts what they use, in Redis or in ``limit_storage.py``;
``usage_file.py`` keeps it, ``quota.py`` is a limit of a day or a month, ``limit_fields.py`` writes the header fields.

The audit log: ``audit_entry.py`` is one event, ``audit_chain.py`` its line, ``audit_file.py`` writes it,
``audit_log.py`` does so beside requests, ``audit_repeats.py`` counts equal refusals, ``audit_changes.py`` surrounds a
change with its entries, ``audit_check.py`` verifies the files.
"""
