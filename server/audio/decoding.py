"""Uploaded recordings by ffmpeg: the target of the sandboxed process that decodes. See server.sandbox.fork_server."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import av.logging
import numpy as np

from server.audio.uploads import CHANNELS, CODECS, FORMATS, LONGEST, RATES
from server.sandbox.wire import Message
from server.utterance import Samples


def prepare() -> None:
    """ffmpeg is loaded by the import of this module; it writes nothing to standard error, which is the server's log."""
    av.logging.set_level(None)


def handle(request: Message, payload: bytes) -> tuple[Message, bytes]:
    """Answers {"sample_rate"} and a recording by samples at this rate, mono, 32-bit floats.

    {"error": "unsupported"} is a recording outside the bounds, any other error one that can't be decoded. It stops at
    LONGEST seconds, one frame more at most.
    """
    parts: list[Samples] = []
    count = 0
    try:
        for part in _parts(payload, int(request["sample_rate"])):
            parts.append(part)
            count += len(part)
            if count > LONGEST * request["sample_rate"]:
                break
    except UnsupportedError:
        return {"error": "unsupported"}, b""
    return {}, np.concatenate([np.empty(0, np.float32), *parts]).tobytes()


class UnsupportedError(Exception):
    """The recording has a codec, a sample rate or a number of channels that nobody needs."""


def _parts(data: bytes, sample_rate: int) -> Iterator[Samples]:
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none"}
    with av.open(io.BytesIO(data), "r", options=options) as container:
        stream = container.streams.audio[0]
        context = stream.codec_context
        if context.name not in CODECS:
            raise UnsupportedError
        context.thread_count = 1
        _check(context.sample_rate, context.channels)
        resampler = av.AudioResampler(format="flt", rate=sample_rate)  # packed: PyAV misreads 8 planes and more
        for frame in container.decode(stream):
            _check(frame.sample_rate, len(frame.layout.channels))  # each frame may say something else
            if frame.samples > LONGEST * frame.sample_rate:
                raise UnsupportedError
            yield from map(_mono, resampler.resample(frame))
        yield from map(_mono, resampler.resample(None))


def _mono(frame: av.AudioFrame) -> Samples:
    mixed: Samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels)).mean(axis=1)
    return mixed


def _check(sample_rate: int, channels: int) -> None:
    if not RATES[0] <= sample_rate <= RATES[1] or not 1 <= channels <= CHANNELS:
        raise UnsupportedError
