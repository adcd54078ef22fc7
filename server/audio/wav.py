"""WAV headers and their samples, for whole files and streams of unknown length."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from server.audio.g711 import alaw, mulaw
from server.audio.sample_encoding import SampleEncoding

CONTENT_TYPE = "audio/wav"
HEADER_BYTES = 44
"""The bytes before 16-bit samples."""
UNKNOWN = 0xFFFFFFFF
"""The size that ffmpeg writes for a stream's data. It, sox and browsers then read to the end; of 0, sox and Python's
module wave would read nothing."""

_CODES = {
    SampleEncoding.PCM_S16LE: 1,
    SampleEncoding.PCM_F32LE: 3,
    SampleEncoding.PCM_ALAW: 6,
    SampleEncoding.PCM_MULAW: 7,
}
_MONO = 1


def header(
    sample_rate: int,
    data_bytes: int | None,
    encoding: SampleEncoding = SampleEncoding.PCM_S16LE,
    *,
    most_bytes: int | None = None,
) -> bytes:
    """Returns the bytes before the samples; ``data_bytes`` is None for a stream whose length is not known.

    ``most_bytes`` is how many bytes of samples such a stream has at most, None if that is not known either. The header
    states it as the length of the file, not of the samples. Python's module wave asks for no more than that, where it
    would ask for 4 GB of memory; others read the file to its end, however long it is.

    All encodings but 16-bit samples have a chunk ``fact`` with the number of samples. A file whose number of bytes is
    odd ends with one more, which the header counts and ``data_bytes`` does not. Sources: Multimedia Programming
    Interface and Data Specifications 1.0 (Microsoft and IBM, 1991); New Multimedia Data Types (Microsoft, 1994).
    """
    width = encoding.sample_bytes
    form = struct.pack("<HHIIHH", _CODES[encoding], _MONO, sample_rate, sample_rate * width, width, 8 * width)
    fact = b""
    if encoding is not SampleEncoding.PCM_S16LE:
        form += struct.pack("<H", 0)  # nothing follows
        fact = struct.pack("<4sII", b"fact", 4, UNKNOWN if data_bytes is None else data_bytes // width)
    chunks = struct.pack(f"<4s4sI{len(form)}s", b"WAVE", b"fmt ", len(form), form) + fact
    most = most_bytes if data_bytes is None else data_bytes
    riff = UNKNOWN if most is None else min(UNKNOWN, len(chunks) + 8 + most + most % 2)
    data = UNKNOWN if data_bytes is None else data_bytes
    return struct.pack("<4sI", b"RIFF", riff) + chunks + struct.pack("<4sI", b"data", data)


def encoded(samples: npt.NDArray[np.float32], encoding: SampleEncoding) -> bytes:
    """Returns samples within -1 to 1, shape (samples,), in an encoding; louder ones are clipped."""
    match encoding:
        case SampleEncoding.PCM_S16LE:
            return pcm16(samples)
        case SampleEncoding.PCM_F32LE:
            return np.clip(samples, -1.0, 1.0).astype("<f4").tobytes()
        case SampleEncoding.PCM_MULAW:
            return mulaw(int16(samples)).tobytes()
        case SampleEncoding.PCM_ALAW:
            return alaw(int16(samples)).tobytes()


FULL_SCALE = np.float32(32767)


def pcm16(samples: npt.NDArray[np.float32]) -> bytes:
    """Returns samples within -1 to 1, shape (samples,), as little-endian 16-bit integers; louder ones are clipped."""
    return bytes(int16(samples).data)


def int16(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Returns samples within -1 to 1 as 16-bit integers of the same shape; louder ones are clipped."""
    rounded: npt.NDArray[np.int16] = np.rint(np.clip(samples, -1.0, 1.0) * FULL_SCALE).astype("<i2")
    return rounded


def floats(pcm: bytes) -> npt.NDArray[np.float32]:
    """Returns little-endian 16-bit integers as samples, shape (samples,).

    ``pcm16`` turns them back into the same integers: the error is below 0.01 of a step. The integer -32768, which
    ``pcm16`` never writes, is a little below -1.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    samples /= FULL_SCALE
    return samples
