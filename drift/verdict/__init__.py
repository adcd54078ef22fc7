"""The judgement of a window or a comparison, and the verdict that is kept.

``drift_tests.py`` says what is tested, ``evidently_report.py`` what Evidently finds, and ``judge.py`` decides.
``segments.py`` finds where a change concentrates. ``comparison.py`` compares two selections of requests
(``selection.py``). ``verdict_json.py`` writes and reads a verdict.
"""
