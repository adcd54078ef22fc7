"""Compressed audio and loudness by ffmpeg: the target of the sandboxed processes that encode.

See server.sandbox.fork_server.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
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
"""The samples of silence at the beginning of AAC, which its format can't tell the player to skip."""
QUIET = 0.01
"""-40 dBFS. Speech ends more softly, so dropping AAC's last frame (at most 46 ms) loses nothing audible."""

_streams: dict[int, _Coder] = {}


def prepare() -> None:
    """Silences ffmpeg, loaded by the import of this module, because standard error is the server's log."""
    av.logging.set_level(None)


def handle(request: Message, payload: bytes) -> tuple[Message, bytes]:
    """Encodes mono samples, 32-bit floats from -1 to 1. The response's payload holds the bytes that are ready.

    {"file": {"format", "sample_rate", "artist", "bit_rate"}} encodes the payload as a whole file. In a session
    {"begin": the same} begins a stream, and {"end": true} ends it. {"measure": sample_rate} is answered with
    {"loudness", "peak"}.
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


def _coder(task: Message, *, whole: bool) -> _Coder:
    form = FORMATS[task["format"]]
    if form.codec is None:
        raise ValueError("the format needs no encoder")
    codec = replace(form.codec, bit_rate=task["bit_rate"])
    return _Coder(codec, task["sample_rate"], whole=whole, artist=task["artist"], trimmed=form is AAC)


class _Coder:
    """One file or stream. An abandoned one is dropped without being closed."""

    def __init__(self, codec: Codec, sample_rate: int, *, whole: bool, artist: str, trimmed: bool) -> None:
        """``trimmed`` leaves out the last frame of AAC if it is quiet."""
        self._form = codec.sample_format
        self._rate = sample_rate
        self._file = io.BytesIO() if whole else None
        self._sink = _Sink()
        # bitexact: equal samples become equal bytes, and ffmpeg adds no text of its own.
        options = {"fflags": "+bitexact", "flush_packets": "1", **(codec.whole if whole else codec.stream)}
        self._container = av.open(self._file or self._sink, "w", format=codec.muxer, container_options=options)
        self._container.metadata.update({"artist": artist, "encoded_by": SOFTWARE})
        self._stream = cast("AudioStream", self._container.add_stream(codec.encoder, rate=sample_rate))
        context: AudioCodecContext = self._stream.codec_context
        context.flags |= Flags.bitexact
        context.layout, context.format = "mono", codec.sample_format
        if codec.bit_rate is not None:
            context.bit_rate = codec.bit_rate
        self._trimmed = trimmed
        self._last_packet: Packet[AudioStream] | None = None
        """The last packet so far, which may be left out."""
        self._tail: Samples = np.empty(0, np.float32)
        """The samples of the last frame, which may be left out."""
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
        if self._last_packet is not None and not self._ends_softly():
            self._container.mux(self._last_packet)
        self._container.close()
        return self._sink.take() if self._file is None else self._file.getvalue()

    def _mux(self, packets: Iterable[Packet[AudioStream]]) -> None:
        for packet in packets:
            ready: Packet[AudioStream] | None = packet
            if self._trimmed:
                ready, self._last_packet = self._last_packet, packet
            if ready is not None:
                self._container.mux(ready)

    def _ends_softly(self) -> bool:
        """Whether the samples of the last frame are quiet. False when there are too few frames for a player to
        recognise them."""
        final_samples = (self._count - 1) % AAC_FRAME + 1
        return self._count > 3 * AAC_FRAME and float(np.abs(self._tail[-final_samples:]).max()) < QUIET


class _Sink:
    """A non-seekable file that holds a stream's bytes until they are read."""

    def __init__(self) -> None:
        self._writes: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._writes.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._writes)
        self._writes.clear()
        return data
