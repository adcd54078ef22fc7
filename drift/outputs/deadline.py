"""Runs work that may hang in a thread, and abandons the thread when it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class _Work(threading.Thread, Generic[Value]):
    """A daemon thread, so that the end of the process does not wait for it."""

    def __init__(self, name: str, work: Callable[[], Value]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self.values: list[Value] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.values.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            self.error = error


class Deadline:
    """Runs one piece of work at a time, each within ``seconds``; while one hangs, no other is started."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._hanging: threading.Thread | None = None

    def hold(self, work: Callable[[], Value]) -> Value:
        """Returns what ``work`` returns. Raises what it raises, and TimeoutError when it takes too long."""
        if self._hanging is not None and self._hanging.is_alive():
            raise TimeoutError(f"{self._name} still hangs from last time")
        thread = _Work(self._name, work)
        thread.start()
        thread.join(self._seconds)
        if thread.is_alive():
            self._hanging = thread
            raise TimeoutError(f"{self._name} took more than {self._seconds:g} s")
        if thread.error is not None:
            raise thread.error
        return thread.values[0]
