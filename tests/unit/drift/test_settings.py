"""Settings of the drift job: typed, all mistakes at once, by the names of their variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift.settings import load, unknown_variables, variables
from otel.support.environment import SettingsError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*variables(), "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_METRIC_EXPORT_INTERVAL"):
        monkeypatch.delenv(name, raising=False)


def test_a_window_is_an_hour_and_mlflow_is_a_file() -> None:
    settings = load(state=Path("/srv/drift"))
    assert settings.window.total_seconds() == 3600
    assert (settings.consecutive, settings.minimum_rows, settings.deviations) == (2, 200, 4.0)
    assert settings.tracking_uri == "sqlite:////srv/drift/mlflow.db"


def test_everything_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_DRIFT_EVENTS", "/a.jsonl, /b")
    monkeypatch.setenv("TTSCOPE_DRIFT_WINDOW_SECONDS", "60")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    settings = load()
    assert settings.events == (Path("/a.jsonl"), Path("/b"))
    assert settings.window_seconds == 60
    assert settings.tracking_uri == "http://mlflow:5000"


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_DRIFT_STATE", "/from/environment")
    assert load(state=Path("/from/argument")).state == Path("/from/argument")
    assert load(state=None).state == Path("/from/environment")


WRONG = {
    "TTSCOPE_DRIFT_WINDOW_SECONDS": "7000",
    "TTSCOPE_DRIFT_GRACE_SECONDS": "-1",
    "TTSCOPE_DRIFT_MINIMUM_ROWS": "many",
    "TTSCOPE_DRIFT_DEVIATIONS": "0",
    "TTSCOPE_DRIFT_WEBHOOK_URL": "ftp://user:secret@somewhere",
    "TTSCOPE_DRIFT_PAGES_URL": "somewhere",
    "TTSCOPE_DRIFT_EVENTS": ",",
    "TTSCOPE_DRIFT_LOG_LEVEL": "loud",
    "TTSCOPE_DRIFT_AUTOMATIC": "perhaps",
}


def test_all_mistakes_are_named_at_once_without_what_is_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WRONG.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load()
    for name in WRONG:
        assert f"  {name}: " in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"TTSCOPE_DRIFT_MOST_ROWS": "200", "TTSCOPE_DRIFT_MINIMUM_ROWS": "300"}, "TTSCOPE_DRIFT_MOST_ROWS"),
        ({"TTSCOPE_DRIFT_COLD_WINDOWS": "169"}, "TTSCOPE_DRIFT_COLD_WINDOWS"),
        ({"TTSCOPE_DRIFT_ROWS_DAYS": "6"}, "TTSCOPE_DRIFT_ROWS_DAYS"),
        ({"TTSCOPE_DRIFT_REPORTS_DAYS": "401"}, "TTSCOPE_DRIFT_REPORTS_DAYS"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, "OTEL_METRIC_EXPORT_INTERVAL"),
    ],
)
def test_settings_must_fit_together(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=named):
        load()


def test_a_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_DRIFT_WINDOWS", "60")
    assert unknown_variables() == ["TTSCOPE_DRIFT_WINDOWS"]
