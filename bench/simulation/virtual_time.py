"""An asyncio event loop in virtual time: a wait takes no time, but the clock is moved to its end."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualClock(selectors.SelectSelector):
    """The clock of a loop: when the loop would wait for the next timer, the clock is moved forward by that time."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Raises RuntimeError when nothing would ever happen again."""
        if timeout is None:
            raise RuntimeError("the simulation waits for something that never comes")
        self.seconds += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop without files and threads, whose timers run in order and at once."""

    def __init__(self) -> None:
        self._virtual_clock = VirtualClock()
        super().__init__(self._virtual_clock)

    def time(self) -> float:
        return self._virtual_clock.seconds

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Calls the function at once: what a thread does beside the event loop takes no virtual time."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in virtual time, which begins at 0, and returns its result."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
