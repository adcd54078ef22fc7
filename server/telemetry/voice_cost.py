"""The expected cost of a voice's audio: a line by its length, learned from each request.

A request has fixed work, so a second of a short text may cost more, and a mean cost of a second is wrong for all. The
line is fitted by least squares with the weight 1/seconds. Then the errors of all requests sum to 0, and so do their
errors per second of audio, in which a short text weighs as much as a long one. Where the fixed part could be chance, it
is left out: the load of the machine scatters costs more than lengths may do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MEMORY = 0.99
"""The weight of a voice's earlier requests, at each further one: about the last hundred count."""
LEAST_SECONDS = 0.05
"""Shorter audio counts as this long, which bounds its weight."""
ENOUGH = 5.0
"""The weight of requests from which on there is a line, and further ones are clipped."""
CLIP = 4.0
"""A cost counts as at most so many times the expected one, and as at least that part of it."""
SURE = 2.0
"""Standard errors that the fixed part must be above 0."""
LEAST_SPREAD = 0.01
"""The least squared variation of lengths that tells a line from a mean."""


@dataclass(slots=True)
class VoiceCost:
    """The costs of a voice's requests, as sums with the weight 1/seconds."""

    inverse_seconds: float = 0.0
    requests: float = 0.0
    seconds: float = 0.0
    cost_of_second: float = 0.0
    """The sum of cost/seconds."""
    cost: float = 0.0
    squares: float = 0.0
    """The sum of cost^2/seconds."""

    @property
    def is_known(self) -> bool:
        """Whether a request was added."""
        return self.requests > 0

    def add(self, cost: float, audio_seconds: float) -> None:
        """Adds a request whose audio was made."""
        seconds = max(LEAST_SECONDS, audio_seconds)
        if self.requests >= ENOUGH:
            expected = self.of(seconds)
            cost = min(CLIP * expected, max(expected / CLIP, cost)) if expected else cost
        self.inverse_seconds = MEMORY * self.inverse_seconds + 1.0 / seconds
        self.requests = MEMORY * self.requests + 1.0
        self.seconds = MEMORY * self.seconds + seconds
        self.cost_of_second = MEMORY * self.cost_of_second + cost / seconds
        self.cost = MEMORY * self.cost + cost
        self.squares = MEMORY * self.squares + cost**2 / seconds

    def of(self, audio_seconds: float) -> float:
        """Returns the expected cost of so much audio; 0.0 before any was made."""
        fixed, of_second = self.line()
        return fixed + of_second * audio_seconds

    def line(self) -> tuple[float, float]:
        """Returns the cost of a request, and that of each second of its audio; neither is negative."""
        if not self.requests:
            return 0.0, 0.0
        mean = self.cost / self.seconds
        spread = self.inverse_seconds * self.seconds - self.requests**2
        if self.requests < ENOUGH or spread < LEAST_SPREAD * self.requests**2:
            return 0.0, mean
        fixed = (self.seconds * self.cost_of_second - self.requests * self.cost) / spread
        of_second = (self.inverse_seconds * self.cost - self.requests * self.cost_of_second) / spread
        scatter = max(0.0, self.squares - fixed * self.cost_of_second - of_second * self.cost) / (self.requests - 2.0)
        if fixed <= SURE * math.sqrt(scatter * self.seconds / spread):
            return 0.0, mean
        if of_second < 0.0:
            return self.cost_of_second / self.inverse_seconds, 0.0
        return fixed, of_second
