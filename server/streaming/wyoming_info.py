"""What the server says of itself and its voices in Wyoming's protocol."""

from __future__ import annotations

from collections.abc import Iterable

from wyoming.info import Attribution, Info, TtsProgram, TtsVoice

from server import VERSION
from server.utterance import Voice

NAME = "ttscope"
ATTRIBUTION = Attribution(name=NAME, url="")
DIGITS = 12
"""The digits of a model's checksum that stand for its version."""


def describe_server(voices: Iterable[Voice]) -> Info:
    """Returns the description of the server with these voices. Each speaker of a model with several is a voice."""
    program = TtsProgram(
        name=NAME,
        attribution=ATTRIBUTION,
        installed=True,
        description="Text to speech",
        version=VERSION,
        voices=[_describe(voice) for voice in voices],
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program])


def _describe(voice: Voice) -> TtsVoice:
    return TtsVoice(
        name=voice.name,
        attribution=ATTRIBUTION,
        installed=True,
        description=voice.name,
        version=voice.checksum[:DIGITS],
        languages=[language_tag(code) for code in voice.languages],
        speakers=None,
    )


def language_tag(code: str) -> str:
    """Returns a BCP 47 code with its region in capitals, as Home Assistant writes it: ``en-US``."""
    primary, *rest = code.split("-")
    return "-".join((primary, *(part.upper() if len(part) == 2 else part for part in rest)))
