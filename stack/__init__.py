"""The pipeline without Docker: Collector, Prometheus, trace store and Alertmanager, built from pinned sources.

``programs/`` has the Go modules, ``config/`` their configuration. ``build.py``, ``cache.py`` and ``toolchain.py`` build
the programs. ``services.py`` says how each is started, and ``run.py`` starts them. ``supervisor.py`` keeps them
running, with ``child.py``, ``policy.py``, ``liveness.py`` and ``log_file.py``; ``supervised.py`` does so for the server
alone. ``privacy.py`` keeps what is stored from other users. ``doctor.py`` says which link is broken.
"""
