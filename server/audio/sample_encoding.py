"""The encodings of samples without compression, as a request and ffmpeg name them."""

from __future__ import annotations

from enum import StrEnum


class SampleEncoding(StrEnum):
    """How each sample is stored, little-endian."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    PCM_MULAW = "pcm_mulaw"
    PCM_ALAW = "pcm_alaw"

    @property
    def sample_bytes(self) -> int:
        """The bytes of a sample."""
        return _BYTES[self]


_BYTES = {
    SampleEncoding.PCM_S16LE: 2,
    SampleEncoding.PCM_F32LE: 4,
    SampleEncoding.PCM_MULAW: 1,
    SampleEncoding.PCM_ALAW: 1,
}
