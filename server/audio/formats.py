"""The formats of audio: their names, codecs and sample rates."""

from __future__ import annotations

from dataclasses import dataclass, field

MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""The sample rates of MP3 and AAC, in Hz."""
PCM_BYTES = 2
"""Bytes of a sample."""


@dataclass(frozen=True, slots=True)
class Codec:
    """The settings with which ffmpeg encodes a format."""

    muxer: str
    encoder: str
    sample_format: str
    """ffmpeg's name for the sample format of the encoder's input."""
    bit_rate: int | None = None
    """Bits per second; None for a lossless codec."""
    whole: dict[str, str] = field(default_factory=dict)
    """The muxer's options for a file."""
    stream: dict[str, str] = field(default_factory=dict)
    """The muxer's options for a stream, which can't be rewritten."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of audio, mono."""

    name: str
    """OpenAI's ``response_format``."""
    content_type: str
    rates: tuple[int, ...] = ()
    """The sample rates in Hz, ascending; empty if any rate is possible."""
    codec: Codec | None = None
    """The codec of a compressed format; None for plain 16-bit samples."""

    def sample_rate(self, source: int) -> int:
        """Returns the rate in Hz for audio of ``source`` Hz: the same or the next higher one, to lose nothing."""
        if not self.rates or source in self.rates:
            return source
        return next((rate for rate in self.rates if rate > source), self.rates[-1])

    def byte_rate(self, source: int) -> float:
        """Returns the approximate bytes per second for audio of ``source`` Hz; an upper bound for FLAC."""
        if self.codec is not None and self.codec.bit_rate is not None:
            return self.codec.bit_rate / 8
        return self.sample_rate(source) * PCM_BYTES


WAV = Format("wav", "audio/wav")
PCM = Format("pcm", "audio/pcm", rates=(24000,))
"""OpenAI's ``pcm``: little-endian 16-bit samples without a header."""
MP3 = Format(
    "mp3",
    "audio/mpeg",
    MPEG_RATES,
    # A file's first frame (Xing, LAME) gives its length and how much silence the encoder has added before and after.
    Codec("mp3", "libmp3lame", "fltp", 96_000, stream={"write_xing": "0"}),
)
OPUS = Format(
    "opus",
    "audio/ogg",
    rates=(48000,),
    # The muxer holds two pages back. They have 60 ms, or a stream's first audio would wait two seconds for them.
    codec=Codec("ogg", "libopus", "flt", 48_000, stream={"page_duration": "60000"}),
)
AAC = Format("aac", "audio/aac", MPEG_RATES, Codec("adts", "aac", "fltp", 96_000))
FLAC = Format("flac", "audio/flac", codec=Codec("flac", "flac", "s16"))

FORMATS: dict[str, Format] = {form.name: form for form in (MP3, OPUS, AAC, FLAC, WAV, PCM)}
"""The formats by name, in the order in which OpenAI lists them."""
