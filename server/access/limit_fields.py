"""The header fields RateLimit-Policy and RateLimit, as draft-ietf-httpapi-ratelimit-headers-10 defines them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from otel.contract.values import RateLimitReason
from server.access.usage import Remaining

UNITS = {
    RateLimitReason.CONCURRENT_REQUESTS: "concurrent-requests",
    RateLimitReason.AUDIO_SECONDS_PER_DAY: "audio-seconds",
    RateLimitReason.CHARACTERS_PER_MONTH: "characters",
}
"""The quota units other than requests. The draft's registry has only the first one; without a unit, a client would have
to read the others as requests."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit of a client, and what is left of it."""

    reason: RateLimitReason
    most: int
    left: Remaining
    window: int = 0
    """The seconds that the limit is for; 0 for one that is about a moment."""


def policy_field(policies: Iterable[Policy]) -> str:
    """Returns RateLimit-Policy: a list of strings with the parameters q (quota), qu (its unit) and w (window)."""
    return ", ".join(map(_policy, policies))


def state_field(policies: Iterable[Policy]) -> str:
    """Returns RateLimit: a list of strings with the parameters r (remaining) and t (seconds until there is more)."""
    return ", ".join(map(_state, policies))


def _policy(policy: Policy) -> str:
    unit = f';qu="{UNITS[policy.reason]}"' if policy.reason in UNITS else ""
    window = f";w={policy.window}" if policy.window else ""
    return f'"{policy.reason}";q={policy.most}{unit}{window}'


def _state(policy: Policy) -> str:
    seconds = f";t={policy.left.seconds}" if policy.window else ""
    return f'"{policy.reason}";r={policy.left.amount}{seconds}'
