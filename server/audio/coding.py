"""Compressed audio and loudness by ffmpeg: the target of the sandboxed processes that encode.

See server.sandbox.fork_server.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import cast

import av
import av.logging
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.packet import Packet

from server.audio import wav
from server.audio.formats import AAC, FORMATS, Codec
from server.audio.metering import measure
from server.sandbox.wire import Message
from server.utterance import Samples

SOFTWARE = "ttscope"
AAC_FRAME = 1024
"""Samples. The encoder of AAC begins with so many of silence, which its format can't tell the player to leave out."""
QUIET = 0.01
"""-40 dBFS. Speech ends more softly, so that nothing that is heard is lost with AAC's last frame, 46 ms at the most."""

_streams: dict[int, _Coder] = {}


def prepare() -> None:
    """ffmpeg is loaded by the import of this module; it writes nothing to standard error, which is the server's log."""
    av.logging.set_level(None)


def handle(request: Message, payload: bytes) -> tuple[Message, bytes]:
    """Encodes samples, 32-bit floats within -1 to 1, mono; the answer's payload is the bytes that are ready.

    {"file": {"format", "sample_rate", "artist"}} makes a whole file of the payload. In a session {"begin": the same}
    begins a stream, and {"end": true} ends it. {"measure": sample_rate} is answered by {"loudness", "peak"}.
    """
    for number in request.get("forget", ()):
        _streams.pop(number, None)
    samples = np.frombuffer(payload, np.float32)
    if "measure" in request:
        loudness, peak = measure(samples, request["measure"])
        return {"loudness": loudness, "peak": peak}, b""
    if "file" in request:
        coder = _coder(request["file"], whole=True)
        coder.feed(samples)
        return {}, coder.finish()
    number = request["session"]
    if "begin" in request:
        _streams[number] = _coder(request["begin"], whole=False)
    data = _streams[number].feed(samples)
    return {}, data + _streams.pop(number).finish() if request.get("end") else data


def _coder(wanted: Message, *, whole: bool) -> _Coder:
    form = FORMATS[wanted["format"]]
    if form.codec is None:
        raise ValueError("the format needs no encoder")
    return _Coder(form.codec, wanted["sample_rate"], whole=whole, artist=wanted["artist"], trimmed=form is AAC)


class _Coder:
    """One file or stream. It is let go of, not closed, when nobody waits for the end."""

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
