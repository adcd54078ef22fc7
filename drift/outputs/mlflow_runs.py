"""Stores each window as one MLflow run, even after retries: parameters, metrics and the report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

WINDOW_TAG = "ttscope.window"
"""The tag that identifies a window's run."""
REQUEST_SECONDS = "10"
RETRIES = "1"


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """A window in the form that MLflow stores."""

    window: str
    start: datetime
    end: datetime
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    """All of them are finite."""
    tags: Mapping[str, str]
    artifacts: Sequence[Path]
    note: str
    """Markdown that MLflow shows on the run's page."""


class MlflowRuns:
    """The runs of one experiment. Raises mlflow.exceptions.MlflowException and any error of its store."""

    def __init__(self, uri: str, experiment: str, artifacts: Path) -> None:
        self._uri = uri
        self._experiment = experiment
        self._artifacts = artifacts
        """The folder for artifacts of a new experiment, unless a server sets it."""

    def keep(self, run: MlflowRun) -> str:
        """Returns the id of the window's run, which has ended and holds all of ``run``."""
        client = client_of(self._uri)
        experiment = self._experiment_id(client)
        existing = self._find(client, experiment, run.window)
        started, ended = _millis(run.start), _millis(run.end)
        if existing is None:
            tags = {WINDOW_TAG: run.window, "mlflow.source.name": "python -m drift", "mlflow.user": "ttscope-drift"}
            created = client.create_run(experiment, started, tags=tags, run_name=run.window)
            run_id = str(created.info.run_id)
        else:
            run_id = str(existing.info.run_id)
            if existing.info.status == "FINISHED":
                return run_id
        self._fill(client, run_id, run, ended)
        client.set_terminated(run_id, "FINISHED", ended)
        return run_id

    def drop_before(self, time: datetime) -> int:
        """Deletes the runs whose window began before ``time``, and returns their number."""
        client = client_of(self._uri)
        experiment = client.get_experiment_by_name(self._experiment)
        if experiment is None:
            return 0
        old = client.search_runs(
            [experiment.experiment_id], f"attributes.start_time < {_millis(time)}", max_results=1000
        )
        for run in old:
            client.delete_run(run.info.run_id)  # on a server, `mlflow gc` removes the artifacts
            mine = self._artifacts.absolute() / str(run.info.run_id)
            if run.info.artifact_uri.startswith(mine.as_uri()):
                shutil.rmtree(mine, ignore_errors=True)
        return len(old)

    def _experiment_id(self, client: Any) -> str:
        existing = client.get_experiment_by_name(self._experiment)
        if existing is not None:
            if existing.lifecycle_stage == "deleted":
                client.restore_experiment(existing.experiment_id)
            return str(existing.experiment_id)
        # A server has its own location for artifacts; SQLite would put them into the current folder.
        location = self._artifacts.absolute().as_uri() if self._uri.startswith("sqlite:") else None
        return str(client.create_experiment(self._experiment, artifact_location=location))

    def _find(self, client: Any, experiment: str, window: str) -> Any:
        runs = client.search_runs([experiment], f"tags.`{WINDOW_TAG}` = '{window}'", max_results=1)
        return runs[0] if runs else None

    def _fill(self, client: Any, run_id: str, run: MlflowRun, ended: int) -> None:
        from mlflow.entities import Metric, Param, RunTag

        # The time is the window's own, so that metrics that were stored before an interruption are the same.
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, ended, 0) for name, value in sorted(run.metrics.items())],
            params=[Param(name, value[:6000]) for name, value in sorted(run.parameters.items())],
            tags=[
                *(RunTag(name, value[:5000]) for name, value in sorted(run.tags.items())),
                RunTag("mlflow.note.content", run.note[:5000]),
            ],
        )
        for path in run.artifacts:
            if path.exists():
                client.log_artifact(run_id, str(path))


def client_of(uri: str) -> Any:
    """Imports MLflow late: that takes 3 s and 200 MB, and reads whether telemetry is allowed."""
    quiet()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def quiet() -> None:
    """Sets MLflow's own variables: no telemetry, and no wait of minutes for a server that hangs."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # the job's output is its log, in JSON
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it has a handler of its own, for plain lines
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", REQUEST_SECONDS)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", RETRIES)


def _millis(time: datetime) -> int:
    return int(time.timestamp() * 1000)
