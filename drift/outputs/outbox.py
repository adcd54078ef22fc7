"""Delivers windows from the state folder, each at least once to every output that takes it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from drift.errors import VerdictDamaged
from drift.state.state_folder import ANNOTATION, StateFolder
from otel.contract.drift_verdict import Verdict

log = logging.getLogger("ttscope.drift.outbox")


@dataclass(frozen=True, slots=True)
class Notification:
    """A judged window in the form that outputs deliver."""

    name: str
    folder: Path
    verdict: Verdict
    text: str
    """The verdict in words."""
    transition: str | None
    """Whether drift begins, changes its columns or ends with the window; None if nothing changes."""


class NotDelivered(Exception):
    """An output could not be reached; the next run tries again. The message holds no secret."""


class Output(Protocol):
    """A receiver of windows."""

    @property
    def name(self) -> str:
        """The output's name in outputs.json."""

    def concerns(self, verdict: Verdict, transition: str | None) -> bool:
        """Returns whether the output takes such a window."""

    def deliver(self, notification: Notification) -> str:
        """Delivers the window and returns the result for outputs.json. Raises NotDelivered. A crash may repeat a
        window."""

    def drop_before(self, time: datetime) -> None:
        """Forgets windows that began before ``time``. Raises NotDelivered."""


class Outbox:
    """Delivers in the order of windows; an output that fails is not tried again before the next run."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = {output.name: output for output in outputs}

    def due(self, verdict: Verdict, transition: str | None) -> tuple[str, ...]:
        """Returns the names of the outputs that take a window that was just judged."""
        return tuple(output.name for output in self._outputs.values() if output.concerns(verdict, transition))

    def deliver(self, state: StateFolder) -> dict[str, str]:
        """Makes the missing deliveries, and returns the outputs that could not be reached, with the reasons."""
        failed: dict[str, str] = {}
        for name in state.names():
            outputs = state.outputs(name)
            for missing in outputs.missing:
                output = self._outputs.get(missing)
                if output is None or missing in failed:  # no longer configured, but may be again
                    continue
                try:
                    result = output.deliver(notification(state, name))
                except VerdictDamaged as error:
                    log.warning("a window can't be delivered", extra={"window": name, "reason": str(error)})
                    break
                except NotDelivered as error:
                    log.warning("not delivered", extra={"output": missing, "window": name, "reason": str(error)})
                    failed[missing] = str(error)
                    continue
                state.mark(name, missing, result)
        return failed

    def drop_before(self, time: datetime, failed: dict[str, str]) -> None:
        """Makes the outputs, except ``failed`` ones, forget old windows."""
        for name, output in self._outputs.items():
            if name in failed:
                continue
            try:
                output.drop_before(time)
            except NotDelivered as error:
                log.warning("old windows are not forgotten", extra={"output": name, "reason": str(error)})


def notification(state: StateFolder, name: str) -> Notification:
    """Returns the notification in the window's folder. Raises VerdictDamaged."""
    folder = state.window(name)
    try:
        text = str(json.loads((folder / ANNOTATION).read_text(encoding="utf-8"))["text"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VerdictDamaged(f"{name}/{ANNOTATION} can't be read: {type(error).__name__}") from None
    return Notification(name, folder, state.verdict(name), text, state.outputs(name).transition)
