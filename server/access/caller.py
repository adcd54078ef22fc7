"""The caller of a request: the key that it was sent with, and what that key may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web

DEFAULT_TENANT = "default"
"""The tenant of everybody who has no key."""


class Scope(StrEnum):
    """What a key may do. A route names the scope that it needs; no scope includes another."""

    SPEAK = "speak"
    """Speak, read texts, and list voices, models and languages."""
    VOICES = "voices"
    """Register and delete voices."""
    OBSERVE = "observe"
    """Read metrics and traces."""
    ADMIN = "admin"
    """Manage keys and pronunciations."""


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """The limits of one key; None stands for the server's own limit, 0 for no limit."""

    requests_per_minute: int | None = None
    concurrent_requests: int | None = None
    audio_seconds_per_day: int | None = None
    characters_per_month: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. ``name`` is a label of metrics and a field of events; it never holds the key itself."""

    name: str
    tenant: str = DEFAULT_TENANT
    scopes: frozenset[Scope] = frozenset()
    voices: frozenset[str] | None = None
    """The voices that the key may use; None stands for all."""
    limits: KeyLimits = field(default_factory=KeyLimits)
    key_id: str = ""
    """The public identifier of the key; empty without a key."""

    def may(self, scope: Scope | None) -> bool:
        """Returns whether the caller may use a route that needs ``scope``; None stands for a public route."""
        return scope is None or scope in self.scopes

    def may_use(self, voice: str) -> bool:
        """Returns whether the caller may use the voice of this name."""
        return self.voices is None or voice in self.voices


ANONYMOUS = Caller("anonymous", scopes=frozenset(Scope))
"""The caller of every request to a server without keys."""
CALLER = web.RequestKey("caller", Caller)


def caller_of(request: web.BaseRequest) -> Caller:
    """Returns the caller of a request that has been authenticated, else ANONYMOUS."""
    caller: Caller = request.get(CALLER, ANONYMOUS)
    return caller
