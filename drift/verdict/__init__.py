"""The judgement of a window or a comparison, and the stored verdict.

``drift_tests.py`` plans the tests, ``evidently_report.py`` runs them with Evidently, and ``judge.py`` decides.
``segments.py`` finds where a change concentrates. ``comparison.py`` compares two selections of requests
(``selection.py``). ``verdict_json.py`` writes and reads a verdict.
"""
