"""Keeps each window as an MLflow run: parameters, metrics and the report; one run a window, however often it tries."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

WINDOW_TAG = "ttscope.window"
"""Finds a window's run again."""
REQUEST_SECONDS = "10"
RETRIES = "1"


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """What is kept of a window."""

    window: str
    start: datetime
    end: datetime
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    """Finite numbers."""
    tags: Mapping[str, str]
    artifacts: Sequence[Path]
    note: str
    """Markdown: MLflow shows it on the run's page."""


class MlflowRuns:
    """The runs of one experiment. Raises mlflow.exceptions.MlflowException and whatever its store raises."""

    def __init__(self, uri: str, experiment: str, artifacts: Path) -> None:
        self._uri = uri
        self._experiment = experiment
        self._artifacts = artifacts
        """Of a new experiment, unless a server decides that."""

    def keep(self, run: MlflowRun) -> str:
        """The id of the window's run, which has ended and holds all of ``run``."""
        client = _client(self._uri)
        experiment = self._experiment_id(client)
        found = self._find(client, experiment, run.window)
        started, ended = _millis(run.start), _millis(run.end)
        if found is None:
            tags = {WINDOW_TAG: run.window, "mlflow.source.name": "python -m drift", "mlflow.user": "ttscope-drift"}
            made = client.create_run(experiment, started, tags=tags, run_name=run.window)
            run_id = str(made.info.run_id)
        else:
            run_id = str(found.info.run_id)
            if found.info.status == "FINISHED":
                return run_id
        self._fill(client, run_id, run, ended)
        client.set_terminated(run_id, "FINISHED", ended)
        return run_id

    def drop_before(self, time: datetime) -> int:
        """Deletes runs whose window began before ``time``; how many."""
        client = _client(self._uri)
        experiment = client.get_experiment_by_name(self._experiment)
        if experiment is None:
            return 0
        old = client.search_runs(
            [experiment.experiment_id], f"attributes.start_time < {_millis(time)}", max_results=1000
        )
        for run in old:
            client.delete_run(run.info.run_id)  # a server removes its artifacts by `mlflow gc`
            mine = self._artifacts.absolute() / str(run.info.run_id)
            if run.info.artifact_uri.startswith(mine.as_uri()):
                shutil.rmtree(mine, ignore_errors=True)
        return len(old)

    def _experiment_id(self, client: Any) -> str:
        found = client.get_experiment_by_name(self._experiment)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        # A server has a place of its own for artifacts; a file of SQLite would put them into the current folder.
        location = self._artifacts.absolute().as_uri() if self._uri.startswith("sqlite:") else None
        return str(client.create_experiment(self._experiment, artifact_location=location))

    def _find(self, client: Any, experiment: str, window: str) -> Any:
        found = client.search_runs([experiment], f"tags.`{WINDOW_TAG}` = '{window}'", max_results=1)
        return found[0] if found else None

    def _fill(self, client: Any, run_id: str, run: MlflowRun, ended: int) -> None:
        from mlflow.entities import Metric, Param, RunTag

        # The time is the window's own, so that metrics that were kept before an interruption are the same ones.
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


def _client(uri: str) -> Any:
    """Imported late: MLflow takes 3 s and 200 MB, and asks the environment what it may tell its makers."""
    quiet()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def quiet() -> None:
    """MLflow's own variables: no telemetry, and no waiting of minutes for a server that hangs."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it has a handler of its own, for plain lines
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", REQUEST_SECONDS)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", RETRIES)


def _millis(time: datetime) -> int:
    return int(time.timestamp() * 1000)
