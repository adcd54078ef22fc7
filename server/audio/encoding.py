"""From samples to a file or a stream of any format, piece by piece, wherever the borders of the pieces are."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Protocol, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.packet import Packet

from server.audio import wav
from server.audio.formats import AAC, WAV, Codec, Format
from server.audio.resampling import Resampler
from server.speech import Samples

SOFTWARE = "ttscope"
AAC_FRAME = 1024
"""Samples. The encoder of AAC begins with so many of silence, which its format can't tell the player to leave out."""
QUIET = 0.01
"""-40 dBFS. Speech ends more softly, so that nothing that is heard is lost with AAC's last frame, 46 ms at the most."""


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
        made = _Coded(wanted.codec, rate, whole=whole, artist=artist, trimmed=wanted is AAC)
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

    def __init__(self, codec: Codec, sample_rate: int, *, whole: bool, artist: str, trimmed: bool) -> None:
        """``trimmed``: without the last frame of AAC, if that is quiet."""
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
        self._trimmed = trimmed
        self._held: Packet[AudioStream] | None = None
        """The last one so far, where that may be left out."""
        self._tail: Samples = np.empty(0, np.float32)
        """The last frame's worth of samples, likewise."""
        self._count = 0

    def feed(self, samples: Samples) -> bytes:
        if not len(samples):
            return b""
        if self._trimmed:
            self._tail = np.concatenate((self._tail, samples[-AAC_FRAME:]))[-AAC_FRAME:]
        row = wav.int16(samples) if self._form == "s16" else np.clip(samples, -1.0, 1.0)
        frame = av.AudioFrame.from_ndarray(row[np.newaxis], format=self._form, layout="mono")
        frame.sample_rate, frame.pts = self._rate, self._count
        self._count += len(samples)
        self._mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        self._mux(self._stream.encode(None))
        if self._held is not None and not self._ends_softly():
            self._container.mux(self._held)
        self._container.close()
        return self._sink.take() if self._file is None else self._file.getvalue()

    def _mux(self, packets: Iterable[Packet[AudioStream]]) -> None:
        for packet in packets:
            ready: Packet[AudioStream] | None = packet
            if self._trimmed:
                ready, self._held = self._held, packet
            if ready is not None:
                self._container.mux(ready)

    def _ends_softly(self) -> bool:
        """Whether the samples of the last frame are quiet; not of so few frames that a player would not know them."""
        lost = (self._count - 1) % AAC_FRAME + 1
        return self._count > 3 * AAC_FRAME and float(np.abs(self._tail[-lost:]).max()) < QUIET


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
