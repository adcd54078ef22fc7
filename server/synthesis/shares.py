"""What clients share: how much each of them holds, and whether others ask for some of it."""

from __future__ import annotations

ASKING_SECONDS = 120.0
"""For which a client counts as asking after its last request: as long as Retry-After may tell it to wait by default."""


class Shares:
    """An amount that clients take from and give back; a client that holds nothing leaves no trace."""

    def __init__(self) -> None:
        self.total = 0
        self._held: dict[str, int] = {}

    def of(self, client: str) -> int:
        """What this client holds."""
        return self._held.get(client, 0)

    def take(self, client: str, amount: int) -> None:
        """The client holds so much more; less, where ``amount`` is negative."""
        self.total += amount
        held = self.of(client) + amount
        if held:
            self._held[client] = held
        else:
            self._held.pop(client, None)


class Askers:
    """The two clients that asked last: enough to tell any client whether another one asks too."""

    def __init__(self) -> None:
        self._newest = self._second = ("", float("-inf"))

    def note(self, client: str, now: float) -> None:
        """The client asks at ``now``, in seconds of any clock that never goes back."""
        if client != self._newest[0]:
            self._second = self._newest
        self._newest = client, now

    def beside(self, client: str, now: float) -> bool:
        """Whether another client asked within the last ASKING_SECONDS."""
        _, asked = self._second if client == self._newest[0] else self._newest
        return now - asked < ASKING_SECONDS
