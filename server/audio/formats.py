"""The formats of audio: their names, codecs, sample rates and encodings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from server.audio.sample_encoding import SampleEncoding
from server.errors import UnsupportedFormat

SAMPLE_RATES = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)
"""The sample rates in Hz that a request may choose."""
MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""The sample rates of MP3 and AAC, in Hz."""
OPUS_RATE = 48000
BASIC = "audio/basic"
"""The content type of mu-law at 8,000 Hz without a header (RFC 2046, 4.3), and of nothing else."""


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
    """The codec of a compressed format; None for plain samples."""
    encoding: SampleEncoding = SampleEncoding.PCM_S16LE
    """The encoding of plain samples."""
    choices: tuple[int, ...] = SAMPLE_RATES
    """The sample rates in Hz that a request may choose."""

    def sample_rate(self, source: int) -> int:
        """Returns the rate in Hz for audio of ``source`` Hz: the same or the next higher one, to lose nothing."""
        if not self.rates or source in self.rates:
            return source
        return next((rate for rate in self.rates if rate > source), self.rates[-1])

    def byte_rate(self, source: int) -> float:
        """Returns the approximate bytes per second for audio of ``source`` Hz; an upper bound for FLAC."""
        if self.codec is not None and self.codec.bit_rate is not None:
            return self.codec.bit_rate / 8
        return self.sample_rate(source) * self.encoding.sample_bytes

    def with_bit_rate(self, bit_rate: int) -> Format:
        """Returns the format with another bit rate, in bits per second. Raises ValueError if it has none."""
        if self.codec is None:
            raise ValueError(f"{self.name} has no bit rate")
        return replace(self, codec=replace(self.codec, bit_rate=bit_rate))


WAV = Format("wav", "audio/wav")
PCM = Format("pcm", "audio/pcm", rates=(24000,))
"""OpenAI's ``pcm``: samples without a header; 16-bit ones at 24 kHz unless a request chooses otherwise."""
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
    rates=(OPUS_RATE,),
    # The muxer holds two pages back. They have 60 ms, or a stream's first audio would wait two seconds for them.
    codec=Codec("ogg", "libopus", "flt", 48_000, stream={"page_duration": "60000"}),
    choices=(OPUS_RATE,),
)
AAC = Format("aac", "audio/aac", MPEG_RATES, Codec("adts", "aac", "fltp", 96_000))
FLAC = Format("flac", "audio/flac", codec=Codec("flac", "flac", "s16"))

FORMATS: dict[str, Format] = {form.name: form for form in (MP3, OPUS, AAC, FLAC, WAV, PCM)}
"""The formats by name, in the order in which OpenAI lists them."""


@cache
def audio_format(name: str, sample_rate: int | None = None, encoding: str | None = None) -> Format:
    """Returns the format of this name with what a request chooses; None stands for the format's own.

    ``sample_rate`` is one of SAMPLE_RATES, ``encoding`` the name of a SampleEncoding. Raises UnsupportedFormat for a
    choice that the format does not have.
    """
    form = FORMATS[name]
    if encoding is not None:
        if form.codec is not None:
            plain = " and ".join(each.name for each in FORMATS.values() if each.codec is None)
            raise UnsupportedFormat(f"encoding is for {plain} alone; {name} has one of its own", param="encoding")
        form = replace(form, encoding=SampleEncoding(encoding))
    if sample_rate is not None:
        if sample_rate not in form.choices:
            allowed = ", ".join(map(str, form.choices))
            raise UnsupportedFormat(f"sample_rate must be {allowed} Hz for {name}, or absent", param="sample_rate")
        form = replace(form, rates=(sample_rate,))
    if name == PCM.name and (form.encoding, sample_rate) == (SampleEncoding.PCM_MULAW, 8000):
        form = replace(form, content_type=BASIC)
    return form
