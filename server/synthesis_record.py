"""What became of one synthesis: who was asked for it, in what order, and what came of that."""

from __future__ import annotations

from dataclasses import dataclass, field

from otel.contract.values import AttemptOutcome, FallbackReason
from server.audio.quality import Quality


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """A provider was asked to speak; times are nanoseconds of ``time.perf_counter_ns``."""

    provider: str
    outcome: AttemptOutcome
    start: int
    end: int
    work_seconds: float
    """Until the last audio was here, without the time in which nobody asked for more."""


@dataclass(slots=True)
class Synthesis:
    """Kept by whoever makes the audio, read by whoever waits for it."""

    origin: object = None
    """The context of the SERVER span of the request that it is made for."""
    provider: str = ""
    """Who speaks: known with the first chunk."""
    attempts: list[AttemptRecord] = field(default_factory=list)
    first_choice: bool = False
    """Whether it was spoken by the voice's first provider: only that is worth keeping."""
    sound: bool = False
    """Whether all of it was made, and nothing is wrong with it."""

    fallback: tuple[str, FallbackReason] | None = None
    """Which provider was to speak and did not, and why; the first one if there were several."""
    quality: Quality | None = None
    """Of the last attempt's audio, once it has ended."""

    @property
    def vain_seconds(self) -> float:
        """Spent on attempts that failed before somebody else was asked."""
        return sum(attempt.end - attempt.start for attempt in self.attempts[:-1]) / 1e9
