"""The HTTP synthesis server.

``app.py`` puts it together, ``settings.py`` has all settings, ``utterance.py`` the vocabulary (voices, utterances,
chunks, stages) and ``errors.py`` the errors that clients see. ``record.py`` is the account of a request, which travels
with it. ``explain.py`` says in a sentence why a request was slow. ``reference.py`` writes the generated pages of docs/,
``native_workers.py`` starts the sandboxed processes, and ``logs.py`` sets up the log.
"""

VERSION = "0.1.0"
