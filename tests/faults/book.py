"""The clients' own account: every request that was sent, and how it ended for its client."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

CUT_OFF = ("RemoteDisconnected", "ConnectionResetError")


class Ending(StrEnum):
    """How a request ended, as its client sees it."""

    OK = "ok"
    """Status 200 and the whole body."""
    REFUSED = "refused"
    """An answer that says no: 429, 503, or a 4xx to a request that deserves it."""
    FAILED = "failed"
    """Any other answer: a 5xx, a 4xx to a good request, a body that breaks off."""
    UNANSWERED = "unanswered"
    """No connection, or no answer on it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. Times are of time.monotonic."""

    request_id: str
    begun: float
    ended: float
    ending: Ending
    status: int | None = None
    code: str = ""
    """Of the error, where the server names one."""
    trace_id: str = ""

    @property
    def answered(self) -> bool:
        return self.ending is not Ending.UNANSWERED

    @property
    def cut_off(self) -> bool:
        """Whether the connection was there, and ended without an answer."""
        return not self.answered and self.code in CUT_OFF


@dataclass(slots=True)
class Book:
    """All entries, in the order of their ends. Many threads append."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    def counts(self) -> Counter[Ending]:
        return Counter(entry.ending for entry in self.entries)

    def ok_since(self, moment: float) -> list[Entry]:
        """Requests that were begun after ``moment`` and ended well."""
        return [entry for entry in self.entries if entry.begun >= moment and entry.ending is Ending.OK]

    def answered(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.answered]

    def refusals(self) -> Counter[str]:
        """Statuses and codes of what was not ok, to be named in notes."""
        odd = (entry for entry in self.entries if entry.ending in (Ending.FAILED, Ending.UNANSWERED))
        return Counter(f"{entry.status} {entry.code}".strip() if entry.status else entry.code for entry in odd)
