"""Every setting of the drift job, typed, from the environment; all errors are reported at once, by name."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from drift.bucket_address import BucketAddress, event_source
from otel.sdk import otlp
from otel.sdk import variables as standard
from otel.support.environment import read, unknown

PREFIX = "TTSCOPE_DRIFT_"
HOUR = 3600
Count = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """The settings, read once at start; a variable is TTSCOPE_DRIFT_ and the field in capitals, except MLflow's."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, populate_by_name=True, extra="forbid"
    )

    events: Annotated[tuple[Path | BucketAddress, ...], NoDecode] = Field(
        (Path("var/events"), Path("var/stack/collector/events")),
        min_length=1,
        description="Sources of events, as OTLP JSON lines: files, folders of *.jsonl, or `s3://BUCKET/FOLDER`, "
        "separated by commas.",
    )
    state: Path = Field(Path("var/drift"), description="Folder of rows, references, windows and reports.")
    window_seconds: int = Field(
        HOUR, ge=1, le=86_400, description="Length of a window; a day must be a whole number of windows."
    )
    grace_seconds: int = Field(
        300,
        ge=0,
        le=86_400,
        description="Delay between the end of a window and its verdict, because events may come late.",
    )
    change_seconds: int = Field(
        60,
        ge=0,
        le=3600,
        description="Seconds between two tests of new requests for changes (schedule); 0: changes are found by windows "
        "alone.",
    )
    minimum_rows: int = Field(200, ge=200, description="Smallest number of requests that a window needs to be judged.")
    most_rows: int = Field(
        20_000,
        ge=200,
        description="Largest number of requests that are judged in a window; if it has more, a sample of them.",
    )
    consecutive: int = Field(
        2, ge=1, le=100, description="Consecutive windows above the threshold that count as drift."
    )
    deviations: float = Field(
        4.0,
        ge=1,
        le=20,
        description="Standard deviations between the mean score of the reference's windows and the threshold.",
    )
    reference_windows: int = Field(168, ge=30, description="Windows that a calibrated reference needs, at least.")
    cold_windows: Count = Field(
        24, description="Windows after which the first, cold reference is made by itself; with fixed thresholds."
    )
    automatic: bool = Field(
        True,
        description="Whether references are made by themselves: the first after TTSCOPE_DRIFT_COLD_WINDOWS, a "
        "calibrated one after TTSCOPE_DRIFT_REFERENCE_WINDOWS stable windows. false: only by calibrate.",
    )
    catch_up_windows: Count = Field(
        336, description="How many windows back missed windows are judged; older ones only by backfill."
    )
    rows_days: Count = Field(35, description="Days for which rows are kept.")
    reports_days: Count = Field(14, description="Days for which Evidently's reports (4 MB per window) are kept.")
    retention_days: Count = Field(400, description="Days for which verdicts, their pages and MLflow runs are kept.")
    prediction_hours: float = Field(
        24.0, ge=0, le=24 * 30, description="Hours between two trainings of the prediction model; 0 trains none."
    )
    prediction_days: Count = Field(14, description="Days of requests that a prediction model is trained and judged on.")
    prediction_rows: int = Field(
        500, ge=200, description="Requests that a training needs, at least; it uses at most TTSCOPE_DRIFT_MOST_ROWS."
    )
    shared_store: Annotated[Path | BucketAddress | None, NoDecode] = Field(
        None,
        description="Folder or `s3://BUCKET/FOLDER` that servers share (their TTSCOPE_SHARED_STORE): the promoted "
        "prediction model is copied into it.",
    )
    pages_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="Address at which the state folder is served, if it is; links in messages begin with it.",
    )
    webhook_url: SecretStr = Field(
        SecretStr(""), description="Address that gets a POST with JSON when drift begins, changes its columns, or ends."
    )
    webhook_seconds: float = Field(
        20.0, gt=0, le=300, description="Seconds for a call of the webhook; after that it is retried in the next run."
    )
    mlflow_uri: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("MLFLOW_TRACKING_URI"),
        description="MLflow that keeps the runs; by default mlflow.db in the state folder.",
    )
    mlflow_enabled: bool = Field(True, description="false: nothing is sent to MLflow.")
    mlflow_experiment: str = Field(
        "ttscope-drift", min_length=1, max_length=200, description="MLflow experiment of the runs."
    )
    mlflow_seconds: float = Field(
        60.0, gt=0, le=600, description="Seconds for a transfer to MLflow; after that it is retried in the next run."
    )
    log_level: str = Field(
        "INFO", pattern="^(?i:debug|info|warning|error)$", description="Lowest level that is logged."
    )

    @field_validator("events", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(event_source(part.strip()) for part in value.split(",") if part.strip())

    @field_validator("shared_store", mode="before")
    @classmethod
    def _is_a_store(cls, value: object) -> object:
        return event_source(value.strip()) if isinstance(value, str) else value

    @field_validator("window_seconds")
    @classmethod
    def _divides_a_day(cls, value: int) -> int:
        if 86_400 % value:
            raise ValueError("a day must be a whole number of windows")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _is_a_url(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"(https?://[^\s/]+\S*)?", value.get_secret_value()):
            raise ValueError("must begin with http:// or https://")
        return value

    @property
    def window(self) -> timedelta:
        return timedelta(seconds=self.window_seconds)

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking URI, with the default filled in."""
        return self.mlflow_uri.get_secret_value() or f"sqlite:///{self.state.absolute() / 'mlflow.db'}"


def load(**arguments: object) -> Settings:
    """Reads the environment; ``arguments`` that are not None take precedence. Raises SettingsError."""
    given = {name: value for name, value in arguments.items() if value is not None}
    standard.tidy()
    return read(Settings, variable, _conflicts, **given)


def variable(field: object) -> str:
    """Returns the variable that sets ``field``."""
    return "MLFLOW_TRACKING_URI" if field in ("mlflow_uri", "MLFLOW_TRACKING_URI") else f"{PREFIX}{str(field).upper()}"


def variables() -> dict[str, str]:
    """Returns every variable and the field that it sets."""
    return {variable(name): name for name in Settings.model_fields}


def unknown_variables() -> list[str]:
    """Returns the variables of our prefix, and of OpenTelemetry's, that set nothing."""
    return [*unknown(PREFIX, variables()), *standard.unknown()]


def _conflicts(settings: Settings) -> list[str]:
    problems = []
    if settings.most_rows < settings.minimum_rows:
        problems.append(f"{PREFIX}MOST_ROWS: must not be less than {PREFIX}MINIMUM_ROWS")
    if settings.cold_windows > settings.reference_windows:
        problems.append(f"{PREFIX}COLD_WINDOWS: must not be more than {PREFIX}REFERENCE_WINDOWS")
    needed = settings.reference_windows * settings.window_seconds / 86_400
    if settings.rows_days < needed:
        problems.append(f"{PREFIX}ROWS_DAYS: a reference needs the rows of {needed:.1f} days")
    if settings.reports_days > settings.retention_days:
        problems.append(f"{PREFIX}REPORTS_DAYS: must not be more than {PREFIX}RETENTION_DAYS")
    return problems + otlp.problems(("METRICS", "LOGS"))
