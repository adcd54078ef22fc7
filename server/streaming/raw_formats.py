"""The formats of samples without a header, by encoding and sample rate."""

from __future__ import annotations

from typing import Literal

from server.audio.formats import Format
from server.errors import UnsupportedFormat

RawEncoding = Literal["pcm_s16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"]


def raw_format(encoding: RawEncoding, sample_rate: int) -> Format:
    """Returns the format. Raises UnsupportedFormat."""
    if encoding != "pcm_s16le":
        raise UnsupportedFormat("encoding: must be 16-bit samples")
    return Format("pcm", "audio/pcm", rates=(sample_rate,))
