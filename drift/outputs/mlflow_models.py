"""Registers prediction models in MLflow: a run for each training, and a version of the registered model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from drift.outputs.deadline import Deadline
from drift.outputs.mlflow_runs import MlflowRun, MlflowRuns, client_of
from drift.outputs.outbox import NotDelivered

NAME = "ttscope-prediction"
"""The name of the experiment and of the registered model."""
ALIAS = "promoted"
"""The alias of the version that servers use."""


@dataclass(frozen=True, slots=True)
class ModelRegistration:
    """A training in the form that MLflow stores."""

    id: str
    time: datetime
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    decision: str
    file: Path
    """The model's file."""
    promoted: bool


class ModelRegistry:
    """The registered model of one MLflow; raises NotDelivered if it can't be reached in time."""

    def __init__(self, uri: str, artifacts: Path, seconds: float) -> None:
        """``artifacts`` is the folder for models, unless a server sets it; ``seconds`` limits a registration."""
        self._uri = uri
        self._runs = MlflowRuns(uri, NAME, artifacts)
        self._deadline = Deadline("MLflow", seconds)

    def register(self, registration: ModelRegistration) -> str:
        """Returns the version of a training's model, which exists once, however often this is called."""
        try:
            return self._deadline.hold(lambda: self._register(registration))
        except Exception as error:  # noqa: BLE001 - its stores raise errors of SQLAlchemy, requests, boto and others
            # Their messages contain addresses, which may contain a password, so only the type is reported.
            raise NotDelivered(str(error) if isinstance(error, TimeoutError) else type(error).__name__) from None

    def _register(self, registration: ModelRegistration) -> str:
        run = self._runs.keep(
            MlflowRun(
                registration.id,
                registration.time,
                registration.time,
                registration.parameters,
                registration.metrics,
                {"decision": registration.decision},
                [registration.file],
                f"A training of the prediction model: {registration.decision}.",
            )
        )
        client = client_of(self._uri)
        version = self._version(client, run, registration)
        if registration.promoted:
            client.set_registered_model_alias(NAME, ALIAS, version)
        return version

    @staticmethod
    def _version(client: Any, run: str, registration: ModelRegistration) -> str:
        existing = client.search_model_versions(f"run_id = '{run}'")
        if existing:
            return str(existing[0].version)
        if not client.search_registered_models(f"name = '{NAME}'"):
            client.create_registered_model(NAME, description="Predicts how long requests take: docs/prediction.md.")
        source = f"{client.get_run(run).info.artifact_uri}/{registration.file.name}"
        created = client.create_model_version(NAME, source, run, tags={"decision": registration.decision})
        return str(created.version)
