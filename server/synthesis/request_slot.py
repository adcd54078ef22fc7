"""The slot of an admitted request: its place while its audio is made, and its unsent bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from server.synthesis.shares import Shares


@dataclass(slots=True, eq=False)
class RequestSlot:
    """The slot of a request, from ``enter`` to ``leave``. It has no place while it only waits for its reader."""

    places: Shares
    """The places, by client."""
    unsent: Shares
    """The unsent bytes, by client."""
    client: str
    reserved: int = 0
    """The expected unsent bytes; while audio is made, at least so many are counted."""
    _waiting: int = field(default=0, init=False)
    _counted: int = field(default=0, init=False)
    _has_place: bool = field(default=False, init=False)
    _making: bool = field(default=True, init=False)

    def enter(self) -> None:
        self._place(True)
        self._count()

    def leave(self) -> None:
        """Releases everything that it still holds."""
        self._waiting = 0
        self.ready()

    def ready(self) -> None:
        """Releases the place, since all audio is made; from now on the slot holds only the unsent bytes."""
        self._making, self.reserved = False, 0
        self._place(False)
        self._count()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Frees the place while the request waits for its reader, then takes it again, even beyond the limit."""
        self._place(False)
        try:
            yield
        finally:
            self._place(self._making)

    def hold(self, size: int) -> None:
        """Adds ``size`` unsent bytes."""
        self._waiting += size
        self._count()

    def mark_sent(self, size: int) -> None:
        """Subtracts ``size`` bytes that the connection has taken."""
        self.hold(-size)

    def _place(self, occupied: bool) -> None:
        if occupied is not self._has_place:
            self.places.take(self.client, 1 if occupied else -1)
            self._has_place = occupied

    def _count(self) -> None:
        counts = max(self.reserved, self._waiting)
        self.unsent.take(self.client, counts - self._counted)
        self._counted = counts
