"""WAV: what other programs read of it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import threading
import wave
from pathlib import Path

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


class _CountingFile(io.BytesIO):
    """A file that remembers the most bytes that it was asked for at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.most = max(self.most, -1 if size is None else size)
        return super().read(size)


def test_pythons_reader_asks_for_no_more_of_a_stream_than_it_can_have() -> None:
    data = wav.pcm16(TONE)
    file = _CountingFile(wav.header(22050, None, most_bytes=10 * len(data)) + data)
    with wave.open(file) as audio:
        assert audio.readframes(audio.getnframes()) == data
    assert file.most <= 10 * len(data) + wav.HEADER_BYTES


@pytest.mark.parametrize("most", [None, 10 * 2 * len(TONE), 2 * len(TONE) // 2, 2**40])
@pytest.mark.parametrize("piped", [False, True])
def test_other_programs_read_a_stream_to_its_end(tmp_path: Path, most: int | None, piped: bool) -> None:
    data = wav.pcm16(TONE)
    stream = wav.header(22050, None, most_bytes=most) + data
    path = tmp_path / "stream.wav"
    path.write_bytes(stream)
    source = "-" if piped else str(path)
    commands = {
        "ffmpeg": ["ffmpeg", "-v", "quiet", "-i", source, "-f", "s16le", "-"],
        "sox": ["sox", "-V1", "-t", "wav", source, "-t", "raw", "-"],
    }
    for name, command in commands.items():
        if shutil.which(name) is None:
            pytest.skip(f"{name} is missing")
        read = subprocess.run(command, check=True, input=stream if piped else b"", capture_output=True)
        assert read.stdout == data, name
    samples, _ = soundfile.read(path, dtype="int16")
    assert samples.tobytes() == data


def test_pythons_reader_takes_a_stream_that_was_saved() -> None:
    data = wav.pcm16(TONE)
    with wave.open(io.BytesIO(wav.header(22050, None) + data)) as audio:
        assert audio.readframes(audio.getnframes()) == data
        audio.rewind()
        assert audio.readframes(10) == data[:20]
