"""The shares of clients: how much each client holds, and whether other clients are active."""

from __future__ import annotations

ASKING_SECONDS = 120.0
"""The time for which a client counts as active after its last request: the longest Retry-After by default."""


class Shares:
    """The amount that each client holds; a client that holds nothing takes no memory."""

    def __init__(self) -> None:
        self.total = 0
        self._amounts: dict[str, int] = {}

    def of(self, client: str) -> int:
        """Returns the amount that ``client`` holds."""
        return self._amounts.get(client, 0)

    def take(self, client: str, amount: int) -> None:
        """Adds ``amount`` to what ``client`` holds; a negative amount releases it."""
        self.total += amount
        total = self.of(client) + amount
        if total:
            self._amounts[client] = total
        else:
            self._amounts.pop(client, None)


class Askers:
    """The two most recent clients: enough to know for any client whether another one is active."""

    def __init__(self) -> None:
        self._newest = self._second = ("", float("-inf"))

    def note(self, client: str, moment: float) -> None:
        """Records a request of ``client`` at ``moment``, in seconds of any monotonic clock."""
        if client != self._newest[0]:
            self._second = self._newest
        self._newest = client, moment

    def beside(self, client: str, moment: float) -> bool:
        """Whether another client sent a request within the last ASKING_SECONDS."""
        _, latest = self._second if client == self._newest[0] else self._newest
        return moment - latest < ASKING_SECONDS
