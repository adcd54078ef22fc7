"""The WAV reader: however the bytes are cut, the samples are the same; whatever is wrong, it says so in one way."""

from __future__ import annotations

import io
import struct
import wave
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from server.audio import wav
from server.audio.wav_reader import ENDLESS, MAX_HEADER_BYTES, AudioUnreadable, PcmReader, WavReader

NUMBERS = np.random.default_rng(7).integers(-32767, 32768, 1000).astype("<i2")
DATA = NUMBERS.tobytes()
FILE = wav.header(22050, len(DATA)) + DATA
LIST = b"LIST" + struct.pack("<I", 27) + b"INFOISFT\x0f\0\0\0an odd encoder\0" + b"\0"
"""27 bytes: the next chunk begins at an even place, after one that does not count."""


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body


def form(code: int = 1, channels: int = 1, rate: int = 22050, bits: int = 16) -> bytes:
    block = channels * bits // 8
    return struct.pack("<HHIIHH", code, channels, rate, rate * block % 2**32, block, bits)


def riff(*chunks: bytes) -> bytes:
    return b"RIFF\xff\xff\xff\xffWAVE" + b"".join(chunks)


FMT = chunk(b"fmt ", form())


def read(reader: WavReader | PcmReader, *pieces: bytes) -> bytes:
    """The samples as the 16-bit numbers that they were."""
    samples = np.concatenate([np.empty(0, np.float32), *(reader.feed(piece) for piece in pieces)])
    reader.end()
    return wav.pcm16(samples)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]


def refused(*pieces: bytes) -> str:
    with pytest.raises(AudioUnreadable) as caught:
        read(WavReader(), *pieces)
    return str(caught.value)


cuts = st.lists(st.integers(0, len(FILE) + 200), max_size=40)
headers = st.sampled_from(
    [
        FILE,
        wav.header(22050, None) + DATA,
        riff(FMT, chunk(b"data", DATA, 0)),
        riff(FMT, chunk(b"data", DATA, ENDLESS)),
        riff(LIST, FMT, LIST, chunk(b"data", DATA)),
        riff(FMT, chunk(b"data", DATA), LIST, b"garbage"),
        riff(chunk(b"fmt ", form() + b"\0\0"), chunk(b"data", DATA)),
        riff(chunk(b"fmt ", form(0xFFFE) + struct.pack("<HHIH14s", 22, 16, 4, 1, b"guid")), chunk(b"data", DATA)),
    ]
)


@given(headers, cuts)
def test_however_a_file_is_cut_its_samples_are_the_same(file: bytes, places: list[int]) -> None:
    reader = WavReader()
    assert read(reader, *cut(file, places)) == DATA
    assert reader.sample_rate == 22050


@given(cuts)
def test_bare_samples_may_be_cut_anywhere_too(places: list[int]) -> None:
    assert read(PcmReader(24000), *cut(DATA, places)) == DATA


def test_a_file_is_read_byte_by_byte() -> None:
    assert read(WavReader(), *(bytes([byte]) for byte in riff(LIST, FMT, chunk(b"data", DATA), LIST))) == DATA


@given(st.binary(max_size=300), cuts)
def test_garbage_is_an_error_and_never_another(garbage: bytes, places: list[int]) -> None:
    assert refused(*cut(garbage, places))


@given(st.binary(max_size=200), st.integers(0, 60), cuts)
def test_a_damaged_file_gives_samples_or_the_same_error(damage: bytes, at: int, places: list[int]) -> None:
    damaged = FILE[:at] + damage + FILE[at + len(damage) :]
    reader = WavReader()
    try:
        samples = read(reader, *cut(damaged, places))
    except AudioUnreadable:
        return
    assert len(samples) % 2 == 0
    assert reader.sample_rate > 0


@given(st.integers(0, len(FILE) - 1), cuts)
def test_a_file_that_was_cut_off_is_refused(length: int, places: list[int]) -> None:
    assert "ends within its header" in (reason := refused(*cut(FILE[:length], places))) or "shorter" in reason


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "ULAW"])
def test_other_formats_are_refused(subtype: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, NUMBERS / 32768, 22050, subtype=subtype, format="WAV")
    assert refused(file.getvalue()) == "the audio is not 16-bit PCM"


def test_what_others_write_is_read() -> None:
    by_wave, by_soundfile = io.BytesIO(), io.BytesIO()
    with wave.open(by_wave, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(DATA)
    soundfile.write(by_soundfile, NUMBERS, 16000, subtype="PCM_16", format="WAVEX")
    for written in (by_wave, by_soundfile):
        reader = WavReader()
        assert read(reader, written.getvalue()) == DATA
        assert reader.sample_rate == 16000


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (riff(chunk(b"fmt ", form(channels=2)), chunk(b"data", DATA)), "the audio is not mono"),
        (riff(chunk(b"fmt ", form(channels=0)), chunk(b"data", DATA)), "the audio is not mono"),
        (riff(chunk(b"fmt ", form(rate=0)), chunk(b"data", DATA)), "the audio has a sample rate that no speech has"),
        (
            riff(chunk(b"fmt ", form(rate=0xFFFFFFFF)), chunk(b"data", DATA)),
            "the audio has a sample rate that no speech has",
        ),
        (riff(chunk(b"data", DATA)), "the audio's header does not say its format"),
        (riff(chunk(b"fmt ", form()[:14]), chunk(b"data", DATA)), "the audio's header is damaged"),
        (riff(FMT, chunk(b"data", DATA[:-1])), "the audio's header is damaged"),
        (riff(chunk(b"fmt ", form(), 0xFFFFFFFF)), "the audio's header is too long"),
        (riff(FMT, chunk(b"LIST", b"", 0xFFFFFFFE)), "the audio's header is too long"),
        (riff(FMT, chunk(b"data", DATA[:-1], 0)), "the audio ends in the middle of a sample"),
        (b"RIFX" + FILE[4:], "the audio is not WAV"),
        (b"RF64" + FILE[4:], "the audio is not WAV"),
        (b"", "the audio ends within its header"),
    ],
)
def test_what_is_wrong_is_said(file: bytes, reason: str) -> None:
    assert refused(file) == reason


def test_a_header_without_end_is_refused_before_it_fills_the_memory() -> None:
    reader = WavReader()
    reader.feed(riff(FMT))
    most = MAX_HEADER_BYTES // 1008
    for _ in range(most - 1):
        reader.feed(chunk(b"junk", bytes(1000)))
    with pytest.raises(AudioUnreadable, match="too long"):
        reader.feed(2 * chunk(b"junk", bytes(1000)))


def test_it_is_done_as_soon_as_all_samples_are_here() -> None:
    reader = WavReader()
    reader.feed(FILE[:-1])
    assert not reader.complete
    reader.feed(FILE[-1:])
    assert reader.complete
    assert len(reader.feed(b"and more")) == 0


def test_a_stream_of_unknown_length_is_never_done() -> None:
    reader = WavReader()
    reader.feed(wav.header(22050, None) + DATA)
    assert not reader.complete


def test_the_sample_rate_is_not_known_before_the_header() -> None:
    with pytest.raises(AudioUnreadable):
        _ = WavReader().sample_rate


def test_the_loudest_negative_number_stays_within_the_range() -> None:
    assert PcmReader(24000).feed(b"\x00\x80\xff\x7f").tolist() == [-1.0, 1.0]
