"""MLflow, the real one on SQLite: one finished run a window, however often and wherever it was interrupted."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drift.outputs.deadline import Deadline
from drift.outputs.mlflow_models import ALIAS, NAME, ModelRegistration, ModelRegistry
from drift.outputs.mlflow_runs import WINDOW_TAG, MlflowRun, MlflowRuns, client_of, quiet

START = datetime(2026, 11, 24, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database whose tables are made once: that takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def runs(uri: str, tmp_path: Path, request: pytest.FixtureRequest) -> MlflowRuns:
    return MlflowRuns(uri, request.node.name, tmp_path / "artifacts")


@pytest.fixture
def run(tmp_path: Path) -> MlflowRun:
    page = tmp_path / "index.html"
    page.write_text("<p>slow</p>")
    return MlflowRun(
        window="2026-11-24T14-00-00Z",
        start=START,
        end=START + timedelta(hours=1),
        parameters={"reference": "r"},
        metrics={"score.latency": 0.4, "rows": 1000.0},
        tags={"state": "drift"},
        artifacts=[page, tmp_path / "absent.html"],
        note="Since 14:00 speech takes longer.",
    )


def found(uri: str, name: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(name)
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


def test_a_window_is_one_finished_run_with_all_of_it(
    uri: str, runs: MlflowRuns, run: MlflowRun, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert runs.keep(run) == runs.keep(run)
    [kept] = found(uri, request.node.name)
    assert kept.info.status == "FINISHED"
    assert kept.info.start_time == START.timestamp() * 1000
    assert kept.data.metrics == {"score.latency": 0.4, "rows": 1000.0}
    assert kept.data.params == {"reference": "r"}
    assert kept.data.tags[WINDOW_TAG] == "2026-11-24T14-00-00Z"
    assert kept.data.tags["mlflow.note.content"] == "Since 14:00 speech takes longer."
    assert [path.name for path in (tmp_path / "artifacts").rglob("*.html")] == ["index.html"]


@pytest.mark.parametrize("step", ["log_batch", "log_artifact", "set_terminated"])
def test_a_run_that_was_interrupted_is_gone_on_with(  # noqa: PLR0917 - fixtures
    uri: str,
    runs: MlflowRuns,
    run: MlflowRun,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    from mlflow import MlflowClient

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, crash)
        with pytest.raises(KeyboardInterrupt):
            runs.keep(run)
    runs.keep(run)
    [kept] = found(uri, request.node.name)
    assert kept.info.status == "FINISHED"
    assert kept.data.metrics == {"score.latency": 0.4, "rows": 1000.0}


def test_old_runs_go_with_their_artifacts(
    uri: str, runs: MlflowRuns, run: MlflowRun, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    runs.keep(run)
    runs.keep(replace(run, window="later", start=START + timedelta(days=1)))
    assert runs.drop_before(START + timedelta(hours=1)) == 1
    assert [kept.data.tags[WINDOW_TAG] for kept in found(uri, request.node.name)] == ["later"]
    assert len(list((tmp_path / "artifacts").rglob("*.html"))) == 1


def test_an_experiment_that_somebody_deleted_is_taken_up_again(
    uri: str, runs: MlflowRuns, run: MlflowRun, request: pytest.FixtureRequest
) -> None:
    from mlflow import MlflowClient

    runs.keep(run)
    client = MlflowClient(tracking_uri=uri)
    client.delete_experiment(client.get_experiment_by_name(request.node.name).experiment_id)
    runs.keep(replace(run, window="another"))
    assert "another" in [kept.data.tags[WINDOW_TAG] for kept in found(uri, request.node.name)]


@pytest.fixture
def hanging_server() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for connection in held:
            connection.close()


def test_a_server_that_hangs_is_given_up(hanging_server: str, run: MlflowRun, tmp_path: Path) -> None:
    runs = MlflowRuns(hanging_server, "x", tmp_path)
    with pytest.raises(TimeoutError, match="MLflow took more than"):
        Deadline("MLflow", 0.5).hold(lambda: runs.keep(run))


def test_a_server_that_is_not_there_is_an_error(
    run: MlflowRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(MlflowException):
        MlflowRuns("http://127.0.0.1:9", "x", tmp_path).keep(run)


def test_mlflow_tells_its_makers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    quiet()
    assert os.environ["DO_NOT_TRACK"] == os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_prediction_model_is_registered_once_and_the_promoted_version_is_marked(uri: str, tmp_path: Path) -> None:
    file = tmp_path / "trained.json"
    file.write_text("{}")
    registry = ModelRegistry(uri, tmp_path / "artifacts", 120)
    first = ModelRegistration("1-500", START, {"rows": "500"}, {"model_loss": 0.1}, "promoted", file, promoted=True)
    second = replace(first, id="2-600", decision="no_better", promoted=False)
    versions = [registry.register(each) for each in (first, first, second)]
    assert versions == ["1", "1", "2"]
    client = client_of(uri)
    assert client.get_model_version_by_alias(NAME, ALIAS).version == 1
    version = client.get_model_version(NAME, "1")
    run = client.get_run(version.run_id)
    assert run.data.metrics == {"model_loss": 0.1}
    (tmp_path / "there").mkdir()
    assert Path(client.download_artifacts(version.run_id, file.name, str(tmp_path / "there"))).read_text() == "{}"
