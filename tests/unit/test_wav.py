"""WAV: what other programs read of it."""

from __future__ import annotations

import io
import os
import threading
import wave

import numpy as np
import pytest
import soundfile

from server.audio import wav
from server.audio.sample_encoding import SampleEncoding

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


@pytest.mark.parametrize("encoding", SampleEncoding)
@pytest.mark.parametrize("count", [1, 2, 2205])
def test_a_whole_file_of_each_encoding_is_read_by_others(encoding: SampleEncoding, count: int) -> None:
    data = wav.encoded(TONE[:count], encoding)
    header = wav.header(8000, len(data), encoding)
    file = header + data + bytes(len(data) % 2)
    assert int.from_bytes(file[4:8], "little") == len(file) - 8
    info = soundfile.info(io.BytesIO(file))
    subtypes = {"pcm_s16le": "PCM_16", "pcm_f32le": "FLOAT", "pcm_mulaw": "ULAW", "pcm_alaw": "ALAW"}
    assert (info.samplerate, info.frames, info.subtype) == (8000, count, subtypes[encoding])
    samples, _ = soundfile.read(io.BytesIO(file), dtype="float32")
    exact = encoding in (SampleEncoding.PCM_S16LE, SampleEncoding.PCM_F32LE)
    assert np.abs(samples - TONE[:count]).max() < (1 / 32000 if exact else 1 / 40)
    stream = wav.header(8000, None, encoding)
    assert len(stream) == len(header)
    assert stream[8:40] == header[8:40]
    assert stream[-4:] == b"\xff" * 4


def test_all_but_16_bit_samples_tell_how_many_they_are() -> None:
    for encoding in SampleEncoding:
        fact = wav.header(8000, 1000 * encoding.sample_bytes, encoding).find(b"fact" + (4).to_bytes(4, "little"))
        assert (fact == -1) is (encoding is SampleEncoding.PCM_S16LE)
        if fact > 0:
            header = wav.header(8000, 1000 * encoding.sample_bytes, encoding)
            assert int.from_bytes(header[fact + 8 : fact + 12], "little") == 1000


def test_pythons_reader_takes_a_stream_from_a_pipe() -> None:
    data = wav.pcm16(TONE)
    source, sink = os.pipe()

    def write() -> None:
        with os.fdopen(sink, "wb") as file:
            file.write(wav.header(22050, None) + data)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(source, "rb") as file, wave.open(file) as audio:
        frames = list(iter(lambda: audio.readframes(1000), b""))
    writer.join()
    assert b"".join(frames) == data


def test_pythons_reader_takes_a_stream_that_was_saved() -> None:
    data = wav.pcm16(TONE)
    with wave.open(io.BytesIO(wav.header(22050, None) + data)) as audio:
        assert audio.readframes(audio.getnframes()) == data
        audio.rewind()
        assert audio.readframes(10) == data[:20]
