"""The shares of clients: how much each of them holds, and whether others ask for some of it."""

from __future__ import annotations

ASKING_SECONDS = 120.0
"""The time for which a client counts as asking after its last request: as long as Retry-After may say by default."""


class Shares:
    """An amount that clients take from and give back; a client that holds nothing leaves no trace."""

    def __init__(self) -> None:
        self.total = 0
        self._amounts: dict[str, int] = {}

    def of(self, client: str) -> int:
        """What this client holds."""
        return self._amounts.get(client, 0)

    def take(self, client: str, amount: int) -> None:
        """The client holds so much more; less, where ``amount`` is negative."""
        self.total += amount
        total = self.of(client) + amount
        if total:
            self._amounts[client] = total
        else:
            self._amounts.pop(client, None)


class Askers:
    """The two clients that asked last: enough to tell any client whether another one asks too."""

    def __init__(self) -> None:
        self._newest = self._second = ("", float("-inf"))

    def note(self, client: str, moment: float) -> None:
        """The client asks at ``moment``, in seconds of any clock that never goes back."""
        if client != self._newest[0]:
            self._second = self._newest
        self._newest = client, moment

    def beside(self, client: str, moment: float) -> bool:
        """Whether another client asked within the last ASKING_SECONDS."""
        _, latest = self._second if client == self._newest[0] else self._newest
        return moment - latest < ASKING_SECONDS
