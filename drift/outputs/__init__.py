"""The outputs of verdicts: the Collector, a webhook, MLflow, and gauges.

``outbox.py`` delivers each window to each of the ``outputs.py`` at least once. ``annotation.py`` is its event,
``webhook.py`` posts it, ``mlflow_runs.py`` keeps it as a run. ``gauges.py`` exports the last window and run;
``deadline.py`` leaves behind what hangs.
"""
