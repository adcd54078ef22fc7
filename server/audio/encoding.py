"""From samples to a file or a stream of any format, piece by piece, wherever the borders of the pieces are."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Protocol, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.packet import Packet

from server.audio import wav
from server.audio.formats import AAC, WAV, Codec, Format
from server.audio.resampling import Resampler

Samples = npt.NDArray[np.float32]
SOFTWARE = "ttscope"
AAC_PRIMING = 1024
"""Samples of silence that the encoder of AAC begins with, which its format can't tell the player to leave out."""
QUIET = 0.01
"""-40 dBFS. What stays below it in its first 43 ms, as the speech of all our voices does, loses nothing that is heard
with the frame of AAC's priming: what overlaps with that is faded in."""


class Encoder(Protocol):
    """Takes samples and gives bytes. A stream comes as it is made; a file at the end, when all of it is known."""

    quick: bool
    """Whether a second of audio takes so little that an event loop does not notice."""

    def feed(self, samples: Samples) -> bytes:
        """Mono, shape (samples,), within -1 to 1; the bytes that are ready, perhaps none."""
        ...

    def finish(self) -> bytes:
        """The rest; nothing can be fed any more."""
        ...


def encoder(wanted: Format, sample_rate: int, *, whole: bool, artist: str = "") -> Encoder:
    """For audio at ``sample_rate`` Hz: of a file, or of a stream. ``artist`` is who speaks, for formats that say so."""
    rate = wanted.sample_rate(sample_rate)
    made: Encoder
    if wanted.codec is None:
        made = _Plain(rate, header=wanted is WAV, whole=whole)
    else:
        priming = AAC_PRIMING if wanted is AAC else 0
        made = _Coded(wanted.codec, rate, whole=whole, artist=artist, priming=priming)
    return made if rate == sample_rate else _Resampled(made, Resampler(sample_rate, rate))


class _Resampled:
    """Another encoder, at another sample rate."""

    quick = False

    def __init__(self, made: Encoder, resampler: Resampler) -> None:
        self._made = made
        self._resampler = resampler

    def feed(self, samples: Samples) -> bytes:
        return self._made.feed(self._resampler.feed(samples))

    def finish(self) -> bytes:
        return self._made.feed(self._resampler.finish()) + self._made.finish()


class _Plain:
    """16-bit samples, with the header of WAV or without."""

    quick = True

    def __init__(self, sample_rate: int, *, header: bool, whole: bool) -> None:
        self._rate = sample_rate
        self._header = header
        self._file = io.BytesIO() if whole else None
        self._begun = False

    def feed(self, samples: Samples) -> bytes:
        pcm = wav.pcm16(samples)
        head = b"" if self._begun or not self._header else wav.header(self._rate, None)
        self._begun = True
        if self._file is None:
            return head + pcm
        self._file.write(head)
        self._file.write(pcm)
        return b""

    def finish(self) -> bytes:
        if self._file is None:
            return b""
        if self._header:
            data_bytes = self._file.tell() - wav.HEADER_BYTES
            self._file.seek(0)
            self._file.write(wav.header(self._rate, data_bytes))
        return self._file.getvalue()  # which copies nothing


class _Coded:
    """Made by ffmpeg. Every call is one thread's; it is let go of, not closed, by whoever does not wait for the end."""

    quick = False

    def __init__(self, codec: Codec, sample_rate: int, *, whole: bool, artist: str, priming: int) -> None:
        self._form = codec.samples
        self._rate = sample_rate
        self._file = io.BytesIO() if whole else None
        self._sink = _Sink()
        # bitexact: the same samples become the same bytes, and ffmpeg puts in no words of its own.
        options = {"fflags": "+bitexact", "flush_packets": "1", **(codec.whole if whole else codec.stream)}
        self._container = av.open(self._file or self._sink, "w", format=codec.muxer, container_options=options)
        self._container.metadata.update({"artist": artist, "encoded_by": SOFTWARE})
        self._stream = cast("AudioStream", self._container.add_stream(codec.encoder, rate=sample_rate))
        context: AudioCodecContext = self._stream.codec_context
        context.flags |= Flags.bitexact
        context.layout, context.format = "mono", codec.samples
        if codec.bit_rate is not None:
            context.bit_rate = codec.bit_rate
        self._priming = priming
        self._count = 0

    def feed(self, samples: Samples) -> bytes:
        if not len(samples):
            return b""
        if self._count < self._priming and np.abs(samples[: self._priming - self._count]).max() > QUIET:
            self._priming = 0
        row = wav.int16(samples) if self._form == "s16" else np.clip(samples, -1.0, 1.0)
        frame = av.AudioFrame.from_ndarray(row[np.newaxis], format=self._form, layout="mono")
        frame.sample_rate, frame.pts = self._rate, self._count
        self._count += len(samples)
        self._mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        self._priming = 0  # still there of what is shorter than two frames: a single one is not known as AAC
        self._mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take() if self._file is None else self._file.getvalue()

    def _mux(self, packets: Iterable[Packet[AudioStream]]) -> None:
        for packet in packets:
            if self._priming:
                self._priming = 0
            else:
                self._container.mux(packet)


class _Sink:
    """Where a stream's bytes wait to be taken: like a file that can't be sought in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
