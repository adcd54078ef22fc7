"""mu-law and A-law: as near to the samples as the standard allows, and what ffmpeg and libsndfile understand."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import numpy as np
import pytest
import soundfile

from server.audio.g711 import alaw, mulaw
from server.audio.wav import int16

EVERY = np.arange(1 << 16).astype(np.uint16).view(np.int16)
"""Every 16-bit integer."""
LAWS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "pcm_mulaw": (mulaw, "ULAW"),
    "pcm_alaw": (alaw, "ALAW"),
}


def by_libsndfile(codes: np.ndarray, subtype: str) -> np.ndarray:
    raw = io.BytesIO(codes.tobytes())
    numbers, _ = soundfile.read(raw, format="RAW", subtype=subtype, channels=1, samplerate=8000, dtype="int16")
    return numbers.astype(np.int32)


def by_ffmpeg(codes: np.ndarray, codec: str) -> np.ndarray:
    with av.open(io.BytesIO(codes.tobytes()), format=codec.removeprefix("pcm_")) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.int32)


def coded_by_ffmpeg(numbers: np.ndarray, codec: str) -> np.ndarray:
    context = av.CodecContext.create(codec, "w")
    context.sample_rate, context.layout, context.format = 8000, "mono", "s16"
    frame = av.AudioFrame.from_ndarray(numbers[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = 8000
    packets = [*context.encode(frame), *context.encode(None)]
    return np.frombuffer(b"".join(bytes(packet) for packet in packets), np.uint8)


@pytest.mark.parametrize("codec", LAWS)
def test_both_decoders_read_every_code_alike(codec: str) -> None:
    law, subtype = LAWS[codec]
    codes = law(EVERY)
    assert len(np.unique(codes)) == 256
    np.testing.assert_array_equal(by_libsndfile(codes, subtype), by_ffmpeg(codes, codec))


@pytest.mark.parametrize("codec", LAWS)
def test_every_sample_is_as_near_as_the_standard_allows(codec: str) -> None:
    law, subtype = LAWS[codec]
    numbers = EVERY.astype(np.int32)
    magnitudes = np.abs(numbers)
    errors = np.abs(by_libsndfile(law(EVERY), subtype) - numbers)
    bound = (magnitudes + 132) / 32 if codec == "pcm_mulaw" else np.maximum(magnitudes / 32, 8)
    assert (errors <= bound + 1).all()


@pytest.mark.parametrize("codec", LAWS)
def test_ffmpeg_chooses_the_same_code_or_its_neighbour_at_a_border(codec: str) -> None:
    law, subtype = LAWS[codec]
    ours, theirs = law(EVERY), coded_by_ffmpeg(EVERY, codec)
    levels = np.unique(by_libsndfile(np.arange(256, dtype=np.uint8), subtype))
    places = [np.searchsorted(levels, by_libsndfile(codes, subtype)) for codes in (ours, theirs)]
    assert np.abs(places[0] - places[1]).max() <= 1
    assert np.mean(places[0] != places[1]) < 0.02


@pytest.mark.parametrize("codec", LAWS)
def test_louder_is_never_softer(codec: str) -> None:
    law, subtype = LAWS[codec]
    rising = np.sort(EVERY)
    assert (np.diff(by_libsndfile(law(rising), subtype)) >= 0).all()


@pytest.mark.parametrize("codec", LAWS)
def test_the_noise_of_a_tone_as_loud_as_speech_is_38_decibels_softer(codec: str) -> None:
    law, subtype = LAWS[codec]
    tone = (0.1 * np.sin(np.arange(80_000) * 0.7)).astype(np.float32)  # -23 dBFS
    heard = by_libsndfile(law(int16(tone)), subtype) / 32767
    noise = np.mean((heard - tone) ** 2)
    assert 10 * np.log10(np.mean(tone**2) / noise) == pytest.approx(38, abs=1.5)
