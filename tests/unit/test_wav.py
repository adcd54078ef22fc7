"""WAV: what other programs read of it."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import soundfile

from server.audio import wav

TONE = np.sin(np.linspace(0, 100, 2205)).astype(np.float32) / 2


def test_a_whole_file_is_read_by_others() -> None:
    data = wav.pcm16(TONE)
    file = wav.header(22050, len(data)) + data
    samples, rate = soundfile.read(io.BytesIO(file), dtype="float32")
    assert rate == 22050
    assert np.abs(samples - TONE).max() < 1 / 32000
    with wave.open(io.BytesIO(file)) as audio:
        assert audio.getnframes() == len(TONE)


def test_a_stream_has_a_header_of_the_same_form() -> None:
    known, unknown = wav.header(22050, 100), wav.header(22050, None)
    assert len(known) == len(unknown) == wav.HEADER_BYTES
    assert known[8:40] == unknown[8:40]
    assert unknown[4:8] == unknown[40:44] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("sample", "value"), [(0, 0), (1, 32767), (-1, -32767), (2, 32767), (-7, -32767), (0.5, 16384)]
)
def test_loud_samples_are_clipped_not_wrapped(sample: float, value: int) -> None:
    assert np.frombuffer(wav.pcm16(np.array([sample], np.float32)), "<i2")[0] == value
