"""Decides how many replicas there are, by the audio that waits in them. Serve's controller runs it."""

from __future__ import annotations

import math
from typing import Any

AUDIO_SECONDS = "audio_seconds"
"""The name under which replicas report the audio that they have yet to make, in seconds."""


class AudioSecondsPolicy:
    """As many replicas as are needed for each to have at most ``seconds`` of audio to make.

    Requests differ in length by hundreds of times, so their number says little about the work.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self, context: Any) -> tuple[int, dict[str, Any]]:
        """Returns the number of replicas for Serve's AutoscalingContext; Serve applies its bounds and delays. Without a
        report the number stays."""
        reported = (context.aggregated_metrics or {}).get(AUDIO_SECONDS)
        if not reported:
            return context.target_num_replicas, {}
        return max(1, math.ceil(sum(reported.values()) / self._seconds)), {}
