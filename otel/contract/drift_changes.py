"""What the drift job's sequential tests report: changes of a series, and verdicts on builds."""

from __future__ import annotations

from enum import StrEnum


class ChangeMeasure(StrEnum):
    """What is tested from request to request."""

    LATENCY = "latency"
    """The time of requests whose audio was made for them, at equal length."""
    FAILURES = "failures"
    """The share of requests that failed; of a provider, those that it did not speak."""
    WORD_ERROR_RATE = "word_error_rate"
    """The share of words that a recogniser did not hear as written, in clips that were checked."""


class Dimension(StrEnum):
    """The requests of a series: all, or those of one voice, provider or build."""

    SERVICE = "service"
    VOICE = "voice"
    PROVIDER = "provider"
    BUILD = "build"


class BuildState(StrEnum):
    """The verdict on a build, compared with the builds before it."""

    PENDING = "pending"
    """There are too few requests to be sure."""
    NO_WORSE = "no_worse"
    """No measure is worse by more than its margin."""
    WORSE = "worse"
    UNDECIDED = "undecided"
    """Its time is over, and it was shown neither to be worse nor to be no worse."""
