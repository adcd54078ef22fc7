"""The slot of an admitted request: a place while its audio is made, and the bytes that wait to be sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from server.synthesis.shares import Shares


@dataclass(slots=True, eq=False)
class RequestSlot:
    """The slot of a request, from ``enter`` to ``leave``. It holds no place while it only waits for its reader."""

    places: Shares
    """The places that clients hold."""
    unsent: Shares
    """The bytes that wait to be sent, by client."""
    client: str
    reserved: int = 0
    """Bytes that are expected to wait at a time; what waits counts as no less while audio is made."""
    _waiting: int = field(default=0, init=False)
    _counted: int = field(default=0, init=False)
    _has_place: bool = field(default=False, init=False)
    _making: bool = field(default=True, init=False)

    def enter(self) -> None:
        self._place(True)
        self._count()

    def leave(self) -> None:
        """Gives back whatever it still holds."""
        self._waiting = 0
        self.ready()

    def ready(self) -> None:
        """All audio is made: what is held from now on are the bytes that are not sent yet."""
        self._making, self.reserved = False, 0
        self._place(False)
        self._count()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """The request waits for its reader: its place is free meanwhile, and taken again afterwards, come what may."""
        self._place(False)
        try:
            yield
        finally:
            self._place(self._making)

    def hold(self, size: int) -> None:
        """Counts ``size`` more bytes as waiting to be sent."""
        self._waiting += size
        self._count()

    def mark_sent(self, size: int) -> None:
        """Counts ``size`` bytes as taken by the connection."""
        self.hold(-size)

    def _place(self, occupied: bool) -> None:
        if occupied is not self._has_place:
            self.places.take(self.client, 1 if occupied else -1)
            self._has_place = occupied

    def _count(self) -> None:
        counts = max(self.reserved, self._waiting)
        self.unsent.take(self.client, counts - self._counted)
        self._counted = counts
