"""The outputs for news of the sequential tests: the event tts.change, and the webhook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from opentelemetry._logs import SeverityNumber

from drift.outputs import annotation
from drift.outputs.annotation import NotSentError
from drift.outputs.deadline import Deadline
from drift.outputs.outbox import NotDelivered
from drift.outputs.webhook import Webhook, WebhookError, key
from drift.settings import Settings
from otel.contract.event_fields import CHANGE_EVENT, ChangeField

EVENT_SECONDS = 20.0


class Delivery(Protocol):
    """What an output needs of news."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def time(self) -> float:
        """Its time in seconds since 1970."""

    @property
    def bad(self) -> bool:
        """Whether it is a change for the worse."""

    @property
    def fields(self) -> Mapping[str, str | float]:
        """The attributes of the event."""


class ChangeOutput(Protocol):
    """A receiver of news."""

    @property
    def name(self) -> str:
        """The output's name."""

    def deliver(self, news: Delivery) -> None:
        """Delivers the news. Raises NotDelivered."""


class ChangeEventOutput:
    """Sends news as the OTLP event tts.change."""

    name = "event"

    def __init__(self, state: Path) -> None:
        self._state = state
        self._deadline = Deadline("the Collector", EVENT_SECONDS)

    def deliver(self, news: Delivery) -> None:
        severity = SeverityNumber.WARN if news.bad else SeverityNumber.INFO
        try:
            self._deadline.hold(
                lambda: annotation.emit(CHANGE_EVENT, news.fields, severity, int(news.time * 1e9), self._state)
            )
        except (NotSentError, TimeoutError) as error:
            raise NotDelivered(str(error)) from None


class ChangeWebhookOutput:
    """Posts news to the webhook."""

    name = "webhook"

    def __init__(self, webhook: Webhook, seconds: float) -> None:
        self._webhook = webhook
        self._deadline = Deadline(webhook.shown, seconds)

    def deliver(self, news: Delivery) -> None:
        names = {field.value: field.value.rpartition(".")[2] for field in ChangeField}
        message = {names[name]: value for name, value in news.fields.items()}
        try:
            self._deadline.hold(lambda: self._webhook.post(message, key(news.id, "change")))
        except (WebhookError, TimeoutError) as error:
            raise NotDelivered(f"{self._webhook.shown}: {error}") from None


def configured_for_changes(settings: Settings) -> list[ChangeOutput]:
    """Returns the outputs that the settings and the standard OTEL_* variables name."""
    outputs: list[ChangeOutput] = []
    if annotation.has_receiver():
        outputs.append(ChangeEventOutput(settings.state))
    url = settings.webhook_url.get_secret_value()
    if url:
        outputs.append(ChangeWebhookOutput(Webhook(url), settings.webhook_seconds))
    return outputs
