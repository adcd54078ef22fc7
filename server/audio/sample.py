"""A recording that a client sends, made plain: decoded, mixed to one channel, resampled, and held to limits."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np

from server.errors import InvalidSample
from server.speech import Samples

FORMATS = ("wav", "flac", "mp3", "ogg", "mov", "matroska", "aac")
"""Of ffmpeg's: single files. Others name further files to be opened (playlists, concatenations)."""
SHORTEST, LONGEST = 3.0, 30.0
"""Seconds: XTTS listens to the first 12, and of less than 3 it hears too little of a voice."""
QUIET = 10**-2.5
"""Root mean square, -50 dB of full scale, below which there is nobody to hear."""


def decode(data: bytes, sample_rate: int) -> Samples:
    """The recording, mono, shape (samples,), at ``sample_rate`` Hz.

    Raises InvalidSample when it is no audio of a known format, shorter than SHORTEST or longer than LONGEST seconds, or
    silent. Decoding stops at LONGEST, however much there is.
    """
    parts: list[Samples] = []
    seconds = 0.0
    try:
        for part in _parts(data, sample_rate):
            parts.append(part)
            seconds += len(part) / sample_rate
            if seconds > LONGEST:
                raise InvalidSample(f"the recording is longer than {LONGEST:g} seconds", param="audio")
    except (av.FFmpegError, ValueError, IndexError, EOFError):
        names = "wav, flac, mp3, ogg, m4a, webm, aac"
        raise InvalidSample(f"the body is no recording that can be decoded; send {names}", param="audio") from None
    if seconds < SHORTEST:
        raise InvalidSample(f"the recording has {seconds:.1f} seconds; at least {SHORTEST:g} are needed", param="audio")
    audio = np.concatenate(parts)
    if not np.isfinite(audio).all() or float(np.sqrt(np.mean(np.square(audio)))) < QUIET:
        raise InvalidSample("there is nothing to hear in the recording", param="audio")
    return audio


def _parts(data: bytes, sample_rate: int) -> Iterator[Samples]:
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none"}
    with av.open(io.BytesIO(data), "r", options=options) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", rate=sample_rate)
        for frame in container.decode(stream):
            for made in resampler.resample(frame):
                yield made.to_ndarray().mean(axis=0)
        for made in resampler.resample(None):
            yield made.to_ndarray().mean(axis=0)
