"""Decodes clients' recordings in a sandboxed process, mixes them to one channel, and checks them."""

from __future__ import annotations

from functools import cache

import numpy as np

from otel.contract.values import WorkerKind
from server.errors import EngineFailed, InvalidSample
from server.sandbox.limits import SandboxLimits
from server.sandbox.pool import SandboxPool, WorkerCrashed, WorkerLost
from server.utterance import Samples

WORKER = WorkerKind.DECODING
"""The value of the label ``worker``."""
LIMITS = SandboxLimits(memory_bytes=512 * 1024**2, cpu_seconds=10, seconds=60.0)
"""The limits of a recording: 30 s take 0.1 s and 30 MB."""
FORMATS = ("wav", "flac", "mp3", "ogg", "mov", "matroska", "aac")
"""ffmpeg's formats of single files. Others can name further files to open (playlists, concatenations)."""
CODECS = frozenset(
    "aac aac_fixed alac flac mp3 mp3float opus libopus vorbis libvorbis pcm_alaw pcm_mulaw pcm_u8 "  # noqa: SIM905
    "pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be".split()
)
"""ffmpeg's decoders that recordings need; its containers can hold many more."""
RATES = (8_000, 192_000)
"""The accepted sample rates in Hz. At one sample per second, a file of 100 bytes would become gigabytes."""
CHANNELS = 2
SHORTEST, LONGEST = 3.0, 30.0
"""Seconds. XTTS uses the first 12; less than 3 is too short to imitate a voice."""
QUIET = 10**-2.5
"""The root mean square, -50 dB of full scale, below which a recording counts as silent."""


@cache
def pool() -> SandboxPool:
    """Returns the process that decodes: one recording at a time."""
    return SandboxPool(WORKER, "server.audio.decoding", 1, LIMITS)


def decode(data: bytes, sample_rate: int) -> Samples:
    """Returns the recording, mono, shape (samples,), at ``sample_rate`` Hz.

    Raises InvalidSample when it is not audio of a known format, outside RATES and CHANNELS, shorter than SHORTEST or
    longer than LONGEST seconds, or silent; EngineFailed when no process can decode.
    """
    audio = _decoded(data, sample_rate)
    seconds = len(audio) / sample_rate
    if seconds > LONGEST:
        raise InvalidSample(f"the recording is longer than {LONGEST:g} seconds", param="audio")
    if seconds < SHORTEST:
        raise InvalidSample(f"the recording has {seconds:.1f} seconds; at least {SHORTEST:g} are needed", param="audio")
    if not np.isfinite(audio).all() or float(np.sqrt(np.mean(np.square(audio)))) < QUIET:
        raise InvalidSample("the recording is silent: there is nothing to hear", param="audio")
    return audio


def _decoded(data: bytes, sample_rate: int) -> Samples:
    try:
        message, payload, _ = pool().ask({"sample_rate": sample_rate}, data)
    except WorkerCrashed:
        message = {"error": "crashed"}
    except WorkerLost as error:
        raise EngineFailed("no process can decode recordings") from error
    if message.get("error") == "unsupported":
        raise InvalidSample(
            f"the recording must have {RATES[0]} to {RATES[1]} Hz and at most {CHANNELS} channels", param="audio"
        )
    if message:
        names = "wav, flac, mp3, ogg, m4a, webm, aac"
        raise InvalidSample(f"the recording can't be decoded; allowed formats are {names}", param="audio")
    return np.frombuffer(payload, np.float32)
