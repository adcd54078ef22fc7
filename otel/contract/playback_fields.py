"""What is reported of a single playback: the fields of its event, which are the attributes of its spans too."""

from __future__ import annotations

from otel.contract.event_fields import Field

PLAYBACK_EVENT = "tts.playback"
"""The event of a playback that a player has reported."""
LISTEN_SPAN, PLAYBACK_SPAN = "listen", "playback"
"""The spans of a playback: from the click to the end, and below it from the first sound to the end."""


class PlaybackField(Field):
    """A field of the event tts.playback; seconds are from the listener's click unless stated otherwise."""

    REQUEST_ID = "tts.request_id", "the request whose audio was played"
    VOICE_NAME = "tts.voice_name", "as in tts.request; so are the next five"
    WORD_COUNT_RANGE = "tts.word_count_range", "likewise"
    CHAR_COUNT_RANGE = "tts.char_count_range", "likewise"
    STREAMED = "tts.streamed", "likewise", "boolean"
    CLIENT = "tts.client", "likewise"
    TENANT = "tts.tenant", "likewise"
    RATING = "tts.playback.rating", "as in tts_playbacks_total"
    END = "tts.playback.end", "how it ended, as in tts_playback_share"
    FIRST_BYTE = "tts.playback.first_byte", "when the player had the first audio; absent if it had none", "double"
    FIRST_SOUND = "tts.playback.first_sound", "when the listener heard the first sound; absent without any", "double"
    END_TIME = "tts.playback.end_time", "when playback ended", "double"
    STALLS = "tts.playback.stalls", "how often the player ran out of audio", "int"
    STALL = "tts.playback.stall", "seconds of silence that it inserted, all stalls together", "double"
    POSITION = "tts.playback.position", "seconds of the audio after which playback ended", "double"
    SHARE = "tts.playback.share", "the same as a share of the audio, at most 1", "double"
    CLOCK_ERROR = (
        "tts.playback.clock_error",
        "seconds by which the times of the spans may be off: half of what the network took, as nobody's clock is "
        "compared",
        "double",
    )
