"""What each kind of key may do with a route: the rule that docs/security.md shows and the tests hold the server to."""

from __future__ import annotations

from enum import StrEnum

from server.access.caller import Scope
from server.errors import InsufficientScope, InvalidApiKey, MissingApiKey, SpeechError


class KeyState(StrEnum):
    """What a request has for a key, on a server that has keys."""

    NONE = "no key"
    MALFORMED = "a key with a typing error"
    UNKNOWN = "a key that nobody issued"
    EXPIRED = "an expired key"
    REVOKED = "a revoked key"
    WITHOUT_SCOPE = "a key with every other scope"
    WITH_SCOPE = "a key with the scope alone"


REFUSALS: dict[KeyState, type[SpeechError]] = {
    KeyState.NONE: MissingApiKey,
    KeyState.MALFORMED: InvalidApiKey,
    KeyState.UNKNOWN: InvalidApiKey,
    KeyState.EXPIRED: InvalidApiKey,
    KeyState.REVOKED: InvalidApiKey,
    KeyState.WITHOUT_SCOPE: InsufficientScope,
}


def refusal(scope: Scope | None, state: KeyState, *, loopback_management: bool = False) -> type[SpeechError] | None:
    """Returns the error for a route that needs ``scope``; None if the request is let through.

    On a management port on the loopback, metrics need no key.
    """
    if scope is None or (loopback_management and scope is Scope.OBSERVE):
        return None
    return REFUSALS.get(state)
