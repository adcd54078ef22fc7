"""Recordings made for damage: WAV and FLAC byte by byte, so that their headers may say anything; others by ffmpeg."""

from __future__ import annotations

import io
import math
import random
import struct
from functools import cache

import av
import numpy as np

RATES = (
    1,
    2,
    8,
    40,
    100,
    1_000,
    7_999,
    8_000,
    11_025,
    16_000,
    22_050,
    44_100,
    48_000,
    96_000,
    192_000,
    384_000,
    1_000_000,
)
"""Hz."""
CHANNELS = (1, 1, 1, 2, 2, 3, 6, 7, 8, 9, 16, 32, 63, 64)
MADE = (
    ("flac", "flac"),
    ("ogg", "libopus"),
    ("mp3", "libmp3lame"),
    ("mp4", "aac"),
    ("webm", "libopus"),
    ("adts", "aac"),
    ("matroska", "pcm_s16le"),
    ("mov", "pcm_s24le"),
    ("mov", "alac"),
    ("wav", "adpcm_ima_wav"),
    ("wav", "adpcm_ms"),
)
"""Containers and codecs of the recordings that ffmpeg makes."""
VARIANTS = ((1, 16_000), (2, 48_000), (6, 16_000), (8, 16_000))
"""Their channels and rates."""
WAV_FORMATS = {"u8": (1, 8), "s16": (1, 16), "s24": (1, 24), "s32": (1, 32), "f32": (3, 32), "f64": (3, 64), "mulaw": (7, 8),
               "alaw": (6, 8)}  # fmt: skip
"""The format's tag and the bits of a sample."""


def wav(kind: str, channels: int, rate: int, frames: int, *, extensible: bool = False) -> bytes:
    """A WAV of a loud pattern."""
    tag, bits = WAV_FORMATS[kind]
    width = bits // 8
    data = _pattern(frames * channels * width)
    head = struct.pack(
        "<HHIIHH", tag, channels, rate, min(rate * channels * width, 2**32 - 1), channels * width & 0xFFFF, bits
    )
    if extensible:
        guid = struct.pack("<H", tag) + b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
        head = struct.pack("<H", 0xFFFE) + head[2:] + struct.pack("<HHI", 22, bits, (1 << min(channels, 32)) - 1) + guid
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def flac(rate: int, channels: int, block: int, frames: int, bits: int = 16) -> bytes:
    """A FLAC of so many frames, each of ``block`` samples of one value (RFC 9639): 13 bytes a frame, however long."""
    packed = rate << 44 | (channels - 1) << 41 | (bits - 1) << 36 | (block * frames & 0xFFFFFFFFF)
    info = struct.pack(">HH", block, block) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    data = b"fLaC" + bytes([0x80]) + len(info).to_bytes(3, "big") + info
    for number in range(min(frames, 128)):
        head = bytes([0xFF, 0xF8, 0x70, (channels - 1) << 4, number]) + struct.pack(">H", block - 1)
        head += bytes([_crc(head, 8, 0x07)])
        value = 12_000 if number % 2 else -12_000
        subframes = b"".join(b"\x00" + struct.pack(">h", value) for _ in range(channels))
        data += head + subframes + _crc(head + subframes, 16, 0x8005).to_bytes(2, "big")
    return data


@cache
def made(container: str, codec: str, channels: int, rate: int) -> bytes:
    """A recording of 3.2 seconds by ffmpeg."""
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[channels]
    times = np.arange(round(3.2 * rate)) / rate
    tone = (0.3 * np.sin(2 * math.pi * 220 * times)).astype(np.float32)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, channels)[None], format="flt", layout=layout)
        frame.sample_rate = rate
        size = stream.codec_context.frame_size or None
        resampler = av.AudioResampler(stream.format, layout, rate, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def make_all() -> None:
    """Each once, so that children find them made."""
    for container, codec in MADE:
        for channels, rate in VARIANTS:
            made_or_nothing(container, codec, channels, rate)


@cache
def made_or_nothing(container: str, codec: str, channels: int, rate: int) -> bytes:
    """As ``made``, and nothing where the codec has no such channels or rate."""
    try:
        return made(container, codec, channels, rate)
    except (av.FFmpegError, ValueError):
        return b""


def any_recording(rng: random.Random) -> bytes:
    """One of all kinds, undamaged."""
    kind = rng.random()
    if kind < 0.45:
        channels, rate = rng.choice(CHANNELS), rng.choice(RATES)
        seconds = rng.choice((0.0, 0.1, 3.1, 3.1, 31.0))
        sample = rng.choice(list(WAV_FORMATS))
        frames = min(round(seconds * rate), 1_000_000 // (channels * WAV_FORMATS[sample][1] // 8))
        return wav(sample, channels, rate, frames, extensible=rng.random() < 0.3)
    if kind < 0.65:
        rate = min(rng.choice(RATES), 655_350)
        return flac(rate, rng.randint(1, 8), rng.choice((16, 4_096, 65_535)), rng.choice((1, 2, 20, 127)))
    return made_or_nothing(*rng.choice(MADE), *rng.choice(VARIANTS))


def _pattern(length: int) -> bytes:
    one = bytes(range(0, 256, 3)) * 4 + bytes(range(255, 0, -5)) * 4
    return (one * (length // len(one) + 1))[:length]


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    crc, top, mask = 0, 1 << (bits - 1), (1 << bits) - 1
    for byte in data:
        crc ^= byte << (bits - 8)
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & mask
    return crc
