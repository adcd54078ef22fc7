"""The outputs of a window: an event to the Collector, a POST to a webhook, a run in MLflow."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from stamina.instrumentation import set_on_retry_hooks

from drift.outputs import annotation
from drift.outputs.annotation import NotSentError, detected
from drift.outputs.deadline import Deadline
from drift.outputs.mlflow_runs import MlflowRun, MlflowRuns
from drift.outputs.outbox import NotDelivered, Notification, Output
from drift.outputs.webhook import Webhook, WebhookError, key
from drift.settings import Settings
from drift.state.state_folder import EVIDENTLY_HTML, EVIDENTLY_JSON, PAGE, VERDICT
from otel.contract.drift_verdict import Verdict, VerdictState

SENT = "sent"
EVENT_SECONDS = 20.0


class EventOutput:
    """Sends every window as the OTLP event tts.drift."""

    name = "event"

    def __init__(self, state: Path) -> None:
        self._state = state
        self._deadline = Deadline("the Collector", EVENT_SECONDS)

    def concerns(self, verdict: Verdict, transition: str | None) -> bool:
        return True

    def deliver(self, notification: Notification) -> str:
        try:
            self._deadline.hold(
                lambda: annotation.send(notification.name, notification.verdict, notification.text, self._state)
            )
        except (NotSentError, TimeoutError) as error:
            raise NotDelivered(str(error)) from None
        return SENT

    def drop_before(self, time: datetime) -> None:
        """Does nothing: the Collector's files have their own retention."""


class WebhookOutput:
    """Posts to a webhook whenever drift begins, changes its columns, or ends."""

    name = "webhook"

    def __init__(self, webhook: Webhook, seconds: float, pages_url: str) -> None:
        self._webhook = webhook
        self._deadline = Deadline(webhook.shown, seconds)
        self._pages_url = pages_url

    def concerns(self, verdict: Verdict, transition: str | None) -> bool:
        return transition is not None

    def deliver(self, notification: Notification) -> str:
        body = message(notification, self._pages_url)
        idempotency_key = key(notification.name, str(notification.transition))
        try:
            self._deadline.hold(lambda: self._webhook.post(body, idempotency_key))
        except (WebhookError, TimeoutError) as error:
            raise NotDelivered(f"{self._webhook.shown}: {error}") from None
        return SENT

    def drop_before(self, time: datetime) -> None:
        """Does nothing: a message can't be recalled."""


class MlflowOutput:
    """Stores every window as a run in MLflow."""

    name = "mlflow"

    def __init__(self, runs: MlflowRuns, seconds: float) -> None:
        self._runs = runs
        self._deadline = Deadline("MLflow", seconds)

    def concerns(self, verdict: Verdict, transition: str | None) -> bool:
        return True

    def deliver(self, notification: Notification) -> str:
        return str(self._hold(lambda: self._runs.keep(run_of(notification))))

    def drop_before(self, time: datetime) -> None:
        self._hold(lambda: self._runs.drop_before(time))

    def _hold(self, work: Callable[[], Any]) -> Any:
        try:
            return self._deadline.hold(work)
        except Exception as error:  # noqa: BLE001 - its stores raise errors of SQLAlchemy, requests, boto and others
            # Their messages contain addresses, which may contain a password, so only the type is reported.
            raise NotDelivered(str(error) if isinstance(error, TimeoutError) else type(error).__name__) from None


def configured(settings: Settings) -> list[Output]:
    """Returns the outputs that the settings and the standard OTEL_* variables name."""
    outputs: list[Output] = []
    if annotation.has_receiver():
        outputs.append(EventOutput(settings.state))
    url = settings.webhook_url.get_secret_value()
    if url:
        set_on_retry_hooks(())  # the default hooks log and count each attempt
        outputs.append(WebhookOutput(Webhook(url), settings.webhook_seconds, settings.pages_url))
    if settings.mlflow_enabled:
        runs = MlflowRuns(settings.tracking_uri, settings.mlflow_experiment, settings.state / "mlflow")
        outputs.append(MlflowOutput(runs, settings.mlflow_seconds))
    return outputs


def message(notification: Notification, pages_url: str) -> dict[str, Any]:
    """Returns the webhook's message; chat programs show ``text`` alone."""
    verdict = notification.verdict
    page = {"page": f"{pages_url.rstrip('/')}/windows/{notification.name}/"} if pages_url else {}
    return {
        "text": notification.text,
        "news": notification.transition,
        "window": notification.name,
        "start": verdict.start.isoformat(),
        "end": verdict.end.isoformat(),
        "state": str(verdict.state),
        "columns": detected(verdict),
        "rows": verdict.rows,
        **page,
    }


def run_of(notification: Notification) -> MlflowRun:
    """Returns the window in the form that MLflow stores."""
    verdict = notification.verdict
    metrics = {"rows": float(verdict.rows), "drift": float(verdict.state is VerdictState.DRIFT)}
    for score in verdict.scores:
        metrics |= {
            f"score.{score.column}": _number(score.value),
            f"threshold.{score.column}": _number(score.threshold),
            f"detected.{score.column}": float(score.detected),
        }
    return MlflowRun(
        window=notification.name,
        start=verdict.start,
        end=verdict.end,
        parameters={"reference": verdict.reference or "none", "window_start": verdict.start.isoformat()},
        metrics={name: value for name, value in metrics.items() if math.isfinite(value)},
        tags={"state": str(verdict.state), "columns": ",".join(detected(verdict)) or "none"},
        artifacts=[notification.folder / name for name in (PAGE, VERDICT, EVIDENTLY_HTML, EVIDENTLY_JSON)],
        note=notification.text,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
