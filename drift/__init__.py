"""The scheduled drift job: compares each window of requests with a reference, and reports in words what changed.

``job.py`` is one run: events become rows (``rows/``), rows become columns at equal length (``columns/``), columns are
judged against the thresholds of the reference (``reference/``, ``verdict/``), and the verdict is stored (``state/``),
shown (``reports/``) and sent (``outputs/``). ``assembly.py`` assembles it from ``settings.py``, and ``schedule.py``
runs it after every window. Between two windows ``change_job.py`` tests new requests (``sequential/``), and ``gate.py``
waits for the verdict on a build. ``retention.py`` removes what is too old.
"""

VERSION = "0.1.0"
