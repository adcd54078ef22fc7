"""From samples to a file or a stream of any format, piece by piece, wherever the borders of the pieces are.

Compressed formats are made by ffmpeg in processes of its own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol, TypedDict

import numpy as np

from otel.contract.values import WorkerKind
from server.audio import wav
from server.audio.formats import WAV, Format
from server.audio.resampling import Resampler
from server.errors import EngineFailed, UnspeakableText
from server.sandbox.limits import SandboxLimits
from server.sandbox.pool import SandboxPool, WorkerCrashed, WorkerLost
from server.sandbox.session import SandboxSession
from server.utterance import Samples

WORKER = WorkerKind.ENCODING
"""Of the label ``worker``."""
LIMITS = SandboxLimits(memory_bytes=2 * 1024**3, cpu_seconds=30, seconds=120.0)
"""For a request: a file of 15 minutes takes 10 s of a core as Opus, and 350 MB."""


class EncodingTask(TypedDict):
    """What a process that encodes is told of a file or stream."""

    format: str
    sample_rate: int
    artist: str


@cache
def pool() -> SandboxPool:
    """Returns the processes that encode; all encoders share them."""
    return SandboxPool(WORKER, "server.audio.coding", min(4, len(os.sched_getaffinity(0))), LIMITS)


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
        told: EncodingTask = {"format": wanted.name, "sample_rate": rate, "artist": artist}
        made = _File(told) if whole else _Stream(told)
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


class _File:
    """A whole file of a compressed format, made in one go at the end by a process that encodes."""

    quick = False

    def __init__(self, wanted: EncodingTask) -> None:
        self._wanted = wanted
        self._parts: list[Samples] = []

    def feed(self, samples: Samples) -> bytes:
        self._parts.append(samples)
        return b""

    def finish(self) -> bytes:
        """Raises UnspeakableText when the encoder ends on these samples, EngineFailed when there is none."""
        samples = np.concatenate([np.empty(0, np.float32), *self._parts])
        try:
            failed, data, _ = pool().ask({"file": self._wanted}, as_bytes(samples))
        except WorkerCrashed:
            raise UnspeakableText("the speech can't be encoded in this format", param="text") from None
        except WorkerLost as error:
            raise EngineFailed("no process can encode audio") from error
        if failed:
            raise UnspeakableText("the speech can't be encoded in this format", param="text")
        return data


class _Stream:
    """A stream of a compressed format. It stays with one process, which encodes other streams too."""

    quick = False

    def __init__(self, wanted: EncodingTask) -> None:
        self._begin: EncodingTask | None = wanted
        self._session = SandboxSession(pool())

    def feed(self, samples: Samples) -> bytes:
        """Raises EngineFailed when the process has ended."""
        return self._ask({}, samples)

    def finish(self) -> bytes:
        data = self._ask({"end": True}, np.empty(0, np.float32))
        self._session.end()
        return data

    def _ask(self, request: Mapping[str, Any], samples: Samples) -> bytes:
        if self._begin is not None:
            request, self._begin = {**request, "begin": self._begin}, None
        try:
            answer = self._session.ask(request, as_bytes(samples))
        except (WorkerCrashed, WorkerLost) as error:
            raise EngineFailed("the process that encodes the stream has ended") from error
        if answer.message:
            raise EngineFailed("the stream can't be encoded")
        return answer.payload


def as_bytes(samples: Samples) -> memoryview:
    """Returns samples as a process that encodes is given them."""
    return np.ascontiguousarray(samples, np.float32).data.cast("B")
