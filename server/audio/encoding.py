"""Encodes samples piece by piece as a file or stream of any format; where the pieces are cut makes no difference.

ffmpeg encodes the compressed formats in sandboxed processes.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol, TypedDict

import numpy as np

from otel.contract.values import WorkerKind
from server.audio import wav
from server.audio.formats import WAV, Format
from server.audio.resampling import Resampler, resampled_length
from server.audio.sample_encoding import SampleEncoding
from server.errors import EngineFailed, UnspeakableText
from server.sandbox.limits import SandboxLimits
from server.sandbox.pool import SandboxPool, WorkerCrashed, WorkerLost
from server.sandbox.session import SandboxSession
from server.utterance import Samples

WORKER = WorkerKind.ENCODING
"""The value of the label ``worker``."""
LIMITS = SandboxLimits(memory_bytes=2 * 1024**3, cpu_seconds=30, seconds=120.0)
"""The limits of a request: a file of 15 minutes takes 10 s of a core as Opus, and 350 MB."""


class EncodingTask(TypedDict):
    """The parameters of a file or stream for a sandboxed process."""

    format: str
    sample_rate: int
    artist: str
    bit_rate: int | None
    """Bits per second; None for a lossless codec."""


@cache
def pool() -> SandboxPool:
    """Returns the processes that encode; all encoders share them."""
    return SandboxPool(WORKER, "server.audio.coding", min(4, len(os.sched_getaffinity(0))), LIMITS)


Header = Callable[[int | None], bytes]
"""Returns the bytes before the samples; their size is None for a stream whose length is not known."""


class Encoder(Protocol):
    """Turns samples into bytes. A stream is returned as it is encoded, a file at the end, when all of it is known."""

    quick: bool
    """Whether a second of audio is encoded too quickly to block an event loop."""

    def feed(self, samples: Samples) -> bytes:
        """Encodes samples, mono, shape (samples,), within -1 to 1. Returns the bytes that are ready, perhaps none."""
        ...

    def finish(self) -> bytes:
        """Returns the remaining bytes. Nothing can be fed afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Length:
    """What is known of a stream's length before it has ended, which the header of a WAV file states."""

    samples: int | None = None
    """The samples at the rate of the voice; None if that is not known."""
    most_seconds: float | None = None
    """The most seconds of audio that it can have; None if that is not known."""


UNKNOWN_LENGTH = Length()


def encoder(
    form: Format, sample_rate: int, *, whole: bool, artist: str = "", length: Length = UNKNOWN_LENGTH
) -> Encoder:
    """Returns the encoder of a file or a stream, for audio at ``sample_rate`` Hz.

    ``artist`` is the voice's name, for formats that store it. ``length`` is that of a stream.
    """
    rate = form.sample_rate(sample_rate)
    at_rate: Encoder
    if form.codec is None:
        width = form.encoding.sample_bytes
        samples = None if length.samples is None else resampled_length(length.samples, sample_rate, rate)
        known = None if samples is None else samples * width
        most = None if length.most_seconds is None else math.ceil(length.most_seconds * rate) * width
        header = partial(wav.header, rate, encoding=form.encoding, most_bytes=most) if form.name == WAV.name else None
        at_rate = _FileOfSamples(form.encoding, header) if whole else _StreamOfSamples(form.encoding, header, known)
    else:
        task: EncodingTask = {
            "format": form.name,
            "sample_rate": rate,
            "artist": artist,
            "bit_rate": form.codec.bit_rate,
        }
        at_rate = _FileEncoder(task) if whole else _StreamEncoder(task)
    return at_rate if rate == sample_rate else _ResampledEncoder(at_rate, Resampler(sample_rate, rate))


class _ResampledEncoder:
    """Resamples audio for another encoder."""

    quick = False

    def __init__(self, at_rate: Encoder, resampler: Resampler) -> None:
        self._encoder = at_rate
        self._resampler = resampler

    def feed(self, samples: Samples) -> bytes:
        return self._encoder.feed(self._resampler.feed(samples))

    def finish(self) -> bytes:
        return self._encoder.feed(self._resampler.finish()) + self._encoder.finish()


class _StreamOfSamples:
    """A stream of samples without compression, with the header of WAV or without."""

    quick = True

    def __init__(self, encoding: SampleEncoding, header: Header | None, data_bytes: int | None) -> None:
        """``data_bytes`` is the size of all samples, if that is known."""
        self._encoding = encoding
        self._head = header(data_bytes) if header else b""
        """The header, until audio follows it."""
        self._tail = bytes((data_bytes or 0) % 2) if header else b""
        """What follows an odd number of bytes, whose header counts it."""

    def feed(self, samples: Samples) -> bytes:
        head, self._head = self._head, b""
        return head + wav.encoded(samples, self._encoding)

    def finish(self) -> bytes:
        return self._head + self._tail


class _FileOfSamples:
    """A file of samples without compression, with the header of WAV or without."""

    quick = True

    def __init__(self, encoding: SampleEncoding, header: Header | None) -> None:
        self._encoding = encoding
        self._header = header
        self._head_bytes = len(header(None)) if header else 0
        self._file = io.BytesIO()
        self._file.seek(self._head_bytes)

    def feed(self, samples: Samples) -> bytes:
        self._file.write(wav.encoded(samples, self._encoding))
        return b""

    def finish(self) -> bytes:
        if self._header:
            data_bytes = self._file.tell() - self._head_bytes
            self._file.write(bytes(data_bytes % 2))
            self._file.seek(0)
            self._file.write(self._header(data_bytes))
        return self._file.getvalue()  # without a copy


class _FileEncoder:
    """A whole file of a compressed format, encoded at the end by one request to a sandboxed process."""

    quick = False

    def __init__(self, task: EncodingTask) -> None:
        self._task = task
        self._chunks: list[Samples] = []

    def feed(self, samples: Samples) -> bytes:
        self._chunks.append(samples)
        return b""

    def finish(self) -> bytes:
        """Returns the file. Raises UnspeakableText when the encoder crashes on these samples, EngineFailed when no
        process can be started."""
        samples = np.concatenate([np.empty(0, np.float32), *self._chunks])
        try:
            message, data, _ = pool().ask({"file": self._task}, as_bytes(samples))
        except WorkerCrashed:
            raise UnspeakableText("the speech can't be encoded in this format", param="text") from None
        except WorkerLost as error:
            raise EngineFailed("no process can encode audio") from error
        if message:
            raise UnspeakableText("the speech can't be encoded in this format", param="text")
        return data


class _StreamEncoder:
    """A stream of a compressed format, encoded by one process, which encodes other streams too."""

    quick = False

    def __init__(self, task: EncodingTask) -> None:
        self._begin: EncodingTask | None = task
        self._session = SandboxSession(pool())

    def feed(self, samples: Samples) -> bytes:
        """Returns the bytes that are ready. Raises EngineFailed when the process has ended."""
        return self._ask({}, samples)

    def finish(self) -> bytes:
        data = self._ask({"end": True}, np.empty(0, np.float32))
        self._session.end()
        return data

    def _ask(self, request: Mapping[str, Any], samples: Samples) -> bytes:
        if self._begin is not None:
            request, self._begin = {**request, "begin": self._begin}, None
        try:
            response = self._session.ask(request, as_bytes(samples))
        except (WorkerCrashed, WorkerLost) as error:
            raise EngineFailed("the process that encodes the stream has ended") from error
        if response.message:
            raise EngineFailed("the stream can't be encoded")
        return response.payload


def as_bytes(samples: Samples) -> memoryview:
    """Returns samples in the form that the sandboxed processes take."""
    return np.ascontiguousarray(samples, np.float32).data.cast("B")
