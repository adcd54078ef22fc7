"""ElevenLabs' names of audio formats, such as ``mp3_44100_128``: a format, a sample rate, and kilobits per second."""

from __future__ import annotations

from server.audio.formats import Format, audio_format
from server.audio.sample_encoding import SampleEncoding
from server.errors import UnsupportedFormat

DEFAULT = "mp3_44100_128"
SAMPLE_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Hz, of samples without compression."""
BIT_RATES = {
    ("mp3", 22050): (32,),
    ("mp3", 24000): (48,),
    ("mp3", 44100): (32, 64, 96, 128, 192),
    ("opus", 48000): (32, 64, 96, 128, 192),
}
"""Kilobits per second, by format and sample rate."""


SOCKET_FORMATS: dict[str, Format] = {
    **{
        f"{name}_{rate}_{kilobits}": audio_format(name, rate).with_bit_rate(1000 * kilobits)
        for (name, rate), choices in BIT_RATES.items()
        for kilobits in choices
    },
    **{f"pcm_{rate}": audio_format("pcm", rate) for rate in SAMPLE_RATES},
    "ulaw_8000": audio_format("pcm", 8000, SampleEncoding.PCM_MULAW),
    "alaw_8000": audio_format("pcm", 8000, SampleEncoding.PCM_ALAW),
}
"""The formats of sockets, by ElevenLabs' names."""
OUTPUT_FORMATS = {**SOCKET_FORMATS, **{f"wav_{rate}": audio_format("wav", rate) for rate in SAMPLE_RATES}}
"""The formats of calls, by ElevenLabs' names."""


def output_format(name: str, formats: dict[str, Format]) -> Format:
    """Returns the format of this name. Raises UnsupportedFormat."""
    try:
        return formats[name]
    except KeyError:
        raise UnsupportedFormat(f"output_format: must be one of {', '.join(formats)}", param="output_format") from None
