"""What a fault is: how it is made to happen, what is promised of it, and what it may cost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.trial import Trial

ANY = sys.maxsize
"""As many as there are."""
Mended = Callable[[], object]
"""Says, by anything that is true, that the part which failed does its work again."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The most that a fault may cost; what is not named may cost nothing."""

    failed: int = 0
    unanswered: int = 0
    events: int = 0
    """Requests that were answered, and that no event tells of."""
    counts: int = 0
    """The same of tts_requests_total."""
    traces: int = 0
    """The same of the trace store."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    name: str
    title: str
    promise: str
    place: str
    """stack: the whole pipeline with the server; server: the server under its supervisor, with events in its files."""
    may_lose: Losses
    seconds: float
    """The deadline for speech and for the part that failed."""
    inject: Callable[[Trial], AbstractContextManager[Mended]]
    """Makes it happen when it is entered, and takes back what is left of it when it is left. Raises AssertionError for
    what is not as promised."""


FAULTS: dict[str, Fault] = {}
"""Every fault by its name, in the order of the table."""


def fault(
    title: str, promise: str, *, place: str = "stack", may_lose: Losses | None = None, seconds: float = 180.0
) -> Callable[[Callable[[Trial], Iterator[Mended]]], Fault]:
    """Makes a fault of a generator that yields once, when the fault has happened."""

    def register(inject: Callable[[Trial], Iterator[Mended]]) -> Fault:
        name = inject.__name__.replace("_", "-")
        made = Fault(name, title, promise, place, may_lose or Losses(), seconds, contextmanager(inject))
        FAULTS[name] = made
        return made

    return register
