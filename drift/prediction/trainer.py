"""Trains when it is time, stores and promotes models, and registers each training in MLflow."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from drift import files
from drift.outputs.mlflow_models import ModelRegistration, ModelRegistry
from drift.outputs.outbox import NotDelivered
from drift.prediction.shared_model import SharedModel
from drift.prediction.training import Decision, TrainedModel, train
from drift.rows.store import Rows
from drift.settings import Settings
from otel.prediction.model_file import ModelInvalid, PredictionModel, encode, read

FOLDER = "prediction"
"""The folder of models, in the state folder. The server reads MODEL in it."""
MODEL, TRAINED, LAST = "model.json", "trained.json", "last.json"
SERVED = 0o755
"""The mode of the folder: the server, which may be another user, reads the model."""

log = logging.getLogger("ttscope.drift.prediction")


class LastTraining(msgspec.Struct):
    """The last training, in LAST."""

    time: datetime
    decision: Decision
    registered: bool = False


@dataclass(frozen=True, slots=True)
class TrainerFiles:
    """The files of the trainer."""

    folder: Path

    @property
    def model(self) -> Path:
        """The promoted model, which the server reads."""
        return self.folder / MODEL

    @property
    def trained(self) -> Path:
        """The model of the last training, whatever became of it."""
        return self.folder / TRAINED

    def last(self) -> LastTraining | None:
        """Returns the last training; None without one, or if its file is damaged."""
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return msgspec.json.decode((self.folder / LAST).read_bytes(), type=LastTraining)
        return None

    def note(self, last: LastTraining) -> None:
        """Stores the last training. Raises OSError."""
        files.write(self.folder / LAST, msgspec.json.encode(last).decode())


class Trainer:
    """Trains on the rows of the last days; the caller holds the state folder's lock."""

    def __init__(
        self,
        settings: Settings,
        rows: Rows,
        registry: ModelRegistry | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        shared: SharedModel | None = None,
    ) -> None:
        """``registry`` is None if nothing is sent to MLflow, and ``shared`` if servers share no store."""
        self._settings = settings
        self._rows = rows
        self._registry = registry
        self._clock = clock
        self._shared = shared
        self.files = TrainerFiles(settings.state / FOLDER)

    def run(self) -> None:
        """Trains if it is time. An error is logged: windows are judged all the same."""
        try:
            if self._due():
                self.train()
            self.share()
            self.register()
        except Exception:
            log.exception("the training failed; it is tried again in the next run")

    def train(self) -> TrainedModel | None:
        """Trains, and promotes the model if it is better. Returns None, and changes nothing, with too few requests.

        Raises OSError, and the errors of the rows.
        """
        from drift.prediction.examples import examples_of  # pandas, scikit-learn: seconds, and only when it is time

        now = self._clock()
        since = now - timedelta(days=self._settings.prediction_days)
        window = self._rows.window(since, now + timedelta(seconds=1), most=self._settings.most_rows)
        examples = examples_of(window.frame)
        if len(examples) < self._settings.prediction_rows:
            log.info("too few requests for a prediction model", extra={"rows": len(examples)})
            return None
        trained = train(examples, now.timestamp(), self._promoted())
        self._keep(trained, now)
        extra = {"rows": len(examples), "state": str(trained.decision), "text": figures_text(trained)}
        log.info("a prediction model was trained", extra=extra)
        return trained

    def _due(self) -> bool:
        hours = self._settings.prediction_hours
        last = self.files.last()
        return hours > 0 and (last is None or self._clock() - last.time >= timedelta(hours=hours))

    def _promoted(self) -> PredictionModel | None:
        """Returns the promoted model; None if there is none that can be read."""
        with suppress(ModelInvalid, OSError):
            return read(self.files.model)
        return None

    def _keep(self, trained: TrainedModel, now: datetime) -> None:
        self.files.folder.mkdir(exist_ok=True)
        self.files.folder.chmod(SERVED)
        files.write(self.files.trained, encode(trained.model.record))
        if trained.decision is Decision.PROMOTED:
            files.write(self.files.model, encode(trained.model.record))
        elif trained.decision is Decision.CONFIRMED and (promoted := self._promoted()) is not None:
            until = {"trained_until": trained.model.record.trained_until}
            files.write(self.files.model, encode(promoted.record.model_copy(update=until)))
        self.files.note(LastTraining(now, trained.decision))

    def share(self) -> None:
        """Copies the promoted model into the shared store; what fails is tried again in the next run."""
        if self._shared is None or not self.files.model.exists():
            return
        try:
            self._shared.update(self.files.model)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            log.warning("the prediction model is not in the shared store yet", extra={"reason": reason})

    def register(self) -> None:
        """Registers the last training in MLflow, unless it is; what fails is tried again in the next run."""
        last = self.files.last()
        if self._registry is None or last is None or last.registered:
            return
        model = read(self.files.trained)
        if model is None:
            return
        record = model.record
        registration = ModelRegistration(
            record.id,
            last.time,
            {"rows": str(record.rows), "builds": ", ".join(record.builds), "voices": ", ".join(record.voices)},
            record.judgement,
            str(last.decision),
            self.files.trained,
            promoted=last.decision is Decision.PROMOTED,
        )
        try:
            self._registry.register(registration)
        except NotDelivered as error:
            log.warning("the training is not in MLflow yet", extra={"reason": str(error)})
        else:
            self.files.note(LastTraining(last.time, last.decision, registered=True))


def figures_text(trained: TrainedModel) -> str:
    """Returns the judgement in words."""
    own, linear, baseline = (trained.scores[name] for name in ("model", "linear", "baseline"))
    return (
        f"pinball loss {own.loss:.3f} (without trees {linear.loss:.3f}, range of words {baseline.loss:.3f}); "
        f"{own.coverage_p50:.0%} below p50, {own.coverage_p95:.0%} below p95; "
        f"median error {own.median_error:.0%} (range of words {baseline.median_error:.0%})"
    )
