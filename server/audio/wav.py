"""WAV headers and 16-bit samples, for whole files and streams of unknown length."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

CONTENT_TYPE = "audio/wav"
HEADER_BYTES = 44
UNKNOWN = 0xFFFFFFFF
"""The size that ffmpeg writes for a stream; players read to the end."""

_PCM, _MONO, _BYTES = 1, 1, 2


def header(sample_rate: int, data_bytes: int | None) -> bytes:
    """Returns the 44 bytes before the samples; ``data_bytes`` is None for a stream.

    Source: Multimedia Programming Interface and Data Specifications 1.0 (Microsoft and IBM, 1991).
    """
    riff, data = (UNKNOWN, UNKNOWN) if data_bytes is None else (HEADER_BYTES - 8 + data_bytes, data_bytes)
    form = struct.pack("<HHIIHH", _PCM, _MONO, sample_rate, sample_rate * _BYTES, _BYTES, 8 * _BYTES)
    return struct.pack("<4sI4s4sI16s4sI", b"RIFF", riff, b"WAVE", b"fmt ", len(form), form, b"data", data)


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
