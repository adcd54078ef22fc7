"""Decodes uploads by ffmpeg: the target of the sandboxed process for recordings. See server.sandbox.fork_server."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import av.logging
import numpy as np

from server.audio.uploads import CHANNELS, CODECS, FORMATS, LONGEST, RATES
from server.errors import ComponentError
from server.sandbox.wire import Message
from server.utterance import Samples


def prepare() -> None:
    """Silences ffmpeg, loaded by the import of this module, because standard error is the server's log."""
    av.logging.set_level(None)


def handle(request: Message, payload: bytes) -> tuple[Message, bytes]:
    """Decodes a recording to samples at {"sample_rate"}, mono, 32-bit floats.

    The response {"error": "unsupported"} means that the recording is outside the bounds; any other error means that it
    can't be decoded. Decoding stops at LONGEST seconds, or at most one frame later.
    """
    chunks: list[Samples] = []
    count = 0
    try:
        for chunk in _decode(payload, int(request["sample_rate"])):
            chunks.append(chunk)
            count += len(chunk)
            if count > LONGEST * request["sample_rate"]:
                break
    except UnsupportedRecording:
        return {"error": "unsupported"}, b""
    return {}, np.concatenate([np.empty(0, np.float32), *chunks]).tobytes()


class UnsupportedRecording(ComponentError):
    """The recording has a codec, a sample rate or a number of channels that is not accepted."""


def _decode(data: bytes, sample_rate: int) -> Iterator[Samples]:
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none"}
    with av.open(io.BytesIO(data), "r", options=options) as container:
        stream = container.streams.audio[0]
        context = stream.codec_context
        if context.name not in CODECS:
            raise UnsupportedRecording
        context.thread_count = 1
        _check(context.sample_rate, context.channels)
        resampler = av.AudioResampler(format="flt", rate=sample_rate)  # packed: PyAV misreads 8 planes and more
        for frame in container.decode(stream):
            _check(frame.sample_rate, len(frame.layout.channels))  # each frame may differ
            if frame.samples > LONGEST * frame.sample_rate:
                raise UnsupportedRecording
            yield from map(_mono, resampler.resample(frame))
        yield from map(_mono, resampler.resample(None))


def _mono(frame: av.AudioFrame) -> Samples:
    mixed: Samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels)).mean(axis=1)
    return mixed


def _check(sample_rate: int, channels: int) -> None:
    if not RATES[0] <= sample_rate <= RATES[1] or not 1 <= channels <= CHANNELS:
        raise UnsupportedRecording
