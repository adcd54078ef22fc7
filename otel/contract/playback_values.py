"""The values of labels of what listeners hear, and the bounds by which a playback is rated."""

from __future__ import annotations

from otel.contract.values import LabelValue

IN_TIME_SECONDS = 0.5
"""Seconds from the click within which a playback should begin to sound; a bucket of PLAYBACK_FIRST_SOUND."""


class PlaybackEnd(LabelValue):
    """How a playback ended."""

    FINISHED = "finished", "all of the audio was played"
    STOPPED = "stopped", "the listener stopped it, or left the page"
    FAILED = "failed", "the audio broke off, or could not be played"


class PlaybackRating(LabelValue):
    """What a listener had of a playback."""

    GOOD = "good", "sound within 500 ms of the click, and no gap"
    LATE = "late", "no sound within 500 ms of the click"
    GAPS = "gaps", "sound in time, and later a gap, or the audio broke off"
    LATE_GAPS = "late_gaps", "both"
    NONE = "none", "nothing: it ended within 500 ms, before any sound"
