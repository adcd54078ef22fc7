"""The HTTP synthesis server.

``app.py`` puts it together, ``applications.py`` the routes and middlewares of each port. ``settings.py`` has all
settings, those of ``web_settings.py``, ``limit_settings.py`` and ``audit_settings.py`` among them. ``utterance.py`` has
the vocabulary (voices, utterances, chunks, stages), ``errors.py`` the errors that clients see: ``speech_error.py`` is
their base, ``access_errors.py`` those of keys and web pages. ``record.py`` is the account of a request, which travels
with it.

Commands: ``keys.py``, ``audit.py`` and ``pronunciations.py`` change and show what is in the data folder, ``explain.py``
says in a sentence why a request was slow. ``reference.py`` writes the generated pages of docs/, ``access_table.py`` the
tables of docs/security.md. ``native_workers.py`` starts the sandboxed processes, ``redis_link.py`` connects to Redis,
and ``logs.py`` sets up the log.
"""

VERSION = "0.1.0"
