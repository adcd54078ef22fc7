"""The outputs for verdicts: the Collector, a webhook, MLflow, and gauges.

``outbox.py`` delivers each window to each of the ``outputs.py`` at least once. ``annotation.py`` makes its event,
``webhook.py`` posts it, ``mlflow_runs.py`` stores it as a run. ``gauges.py`` exports the last window and run;
``deadline.py`` abandons work that hangs.
"""
