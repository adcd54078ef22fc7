"""The metrics of what listeners hear: a part of the telemetry contract (metrics.py has the others)."""

from __future__ import annotations

from otel.contract import buckets
from otel.contract.instrument import Instrument
from otel.contract.labels import CHAR_COUNT_RANGE, PLAYBACK_END, PLAYBACK_RATING, VOICE_NAME, WORD_COUNT_RANGE

_TEXT_AND_VOICE = (WORD_COUNT_RANGE, CHAR_COUNT_RANGE, VOICE_NAME)

PLAYBACKS = Instrument(
    "tts.playbacks",
    "counter",
    "{playback}",
    "Playbacks that players have reported, by what the listener had of them.",
    (PLAYBACK_RATING, VOICE_NAME),
)
PLAYBACK_FIRST_SOUND = Instrument(
    "tts.playback.first_sound",
    "histogram",
    "s",
    "Time from the listener's click to the first sound at the loudspeaker, as the player measured it. Playbacks that "
    "ended before any sound are not in it.",
    _TEXT_AND_VOICE,
    buckets.FINE_SECONDS,
)
PLAYBACK_STALL = Instrument(
    "tts.playback.stall",
    "histogram",
    "s",
    "Silence that the player inserted into a playback while it waited for audio, all stalls together.",
    _TEXT_AND_VOICE,
    buckets.UNDERRUN_SECONDS,
)
PLAYBACK_STALLS = Instrument(
    "tts.playback.stalls", "counter", "{stall}", "Stalls: times that a player ran out of audio.", _TEXT_AND_VOICE
)
PLAYBACK_SHARE = Instrument(
    "tts.playback.share",
    "histogram",
    "1",
    "Share of a request's audio after which its playback ended; 1 is all of it.",
    (PLAYBACK_END, VOICE_NAME),
    buckets.PLAYED_SHARES,
)

PLAYBACK_METRICS = (PLAYBACKS, PLAYBACK_FIRST_SOUND, PLAYBACK_STALL, PLAYBACK_STALLS, PLAYBACK_SHARE)
