"""Formats: what other programs read of them, whole and as streams, wherever the pieces' borders are."""

from __future__ import annotations

import io
import logging
from itertools import pairwise
from typing import get_args

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from server.audio.encoding import Length, encoder
from server.audio.formats import FORMATS, MP3, OPUS, PCM, WAV, Format, audio_format
from server.audio.resampling import Resampler
from server.audio.sample_encoding import SampleEncoding
from server.audio.wav import floats
from server.routes.requests import FormatName
from tests.examples import examples
from tests.humming_provider import hum

RATE = 22050
GUESSED = {"Estimating duration from bitrate, this may be inaccurate"}
"""What ffmpeg says of a format that does not tell its length."""
OPEN_ENDED = {"Ignoring maximum wav data size, file may be invalid", "Packet corrupt (stream = 0, dts = NOPTS)."}
"""What it says of any WAV whose header was written before its end was known: of its own, too."""
SAID_OF_FILES = {"aac": GUESSED}
SAID_OF_STREAMS = {"aac": GUESSED, "mp3": GUESSED, "wav": GUESSED | OPEN_ENDED}
FRAMES = {"mp3": 1152 / 44100, "opus": 0.02, "aac": 1024 / RATE, "flac": 0.0, "wav": 0.0, "pcm": 1 / 24000}
"""Seconds of a codec's frame, of voices at 22,050 Hz."""
NAMES = sorted(FORMATS)
TONE = hum(300.0, 3.217, RATE) * np.clip(np.arange(round(3.217 * RATE)) / RATE - 0.05, 0.0, 1.0).astype(np.float32)
"""Like speech, it begins softly."""


def encoded(wanted: Format, samples=TONE, rate: int = RATE, *, whole: bool = True, cuts: tuple[int, ...] = ()) -> bytes:
    made = encoder(wanted, rate, whole=whole, artist="joe")
    borders = [0, *sorted(cuts), len(samples)]
    parts = [made.feed(samples[start:end]) for start, end in pairwise(borders)]
    if whole:
        assert not any(parts)
    return b"".join(parts) + made.finish()


def decoded(data: bytes, wanted: Format, known: str | None = None) -> tuple[np.ndarray, int, list[str]]:
    """The samples, their rate, and what ffmpeg's own log has to say; ``known`` is a format that it need not guess."""
    if wanted is PCM:
        return floats(data), 24000, []
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as said, av.open(io.BytesIO(data), format=known) as container:
            rate = container.streams.audio[0].rate
            frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    finally:
        av.logging.set_level(None)
    samples = np.concatenate(frames)
    if samples.dtype == np.int16:
        samples = samples / np.float32(32767)
    return samples, rate, [message.strip() for _, _, message in said]


def test_every_name_that_can_be_asked_for_is_a_format() -> None:
    assert set(get_args(FormatName)) == set(FORMATS)


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_file_has_its_duration_and_no_warning(name: str) -> None:
    samples, rate, said = decoded(encoded(FORMATS[name]), FORMATS[name])
    assert len(samples) / rate == pytest.approx(len(TONE) / RATE, abs=FRAMES[name] + 1 / 24000)
    assert set(said) <= SAID_OF_FILES.get(name, set())


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_read_to_its_end(name: str) -> None:
    samples, rate, said = decoded(encoded(FORMATS[name], whole=False), FORMATS[name])
    late = 3 * 1152 / 44100 if name == "mp3" else 0.0  # without a header, nobody leaves out the encoder's silence
    assert len(samples) / rate == pytest.approx(len(TONE) / RATE, abs=FRAMES[name] + late + 1 / 24000)
    assert set(said) <= SAID_OF_STREAMS.get(name, set())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("whole", [True, False])
def test_the_audio_is_the_same(name: str, whole: bool) -> None:
    samples, rate, _ = decoded(encoded(FORMATS[name], whole=whole), FORMATS[name])
    if name == "mp3" and not whole:
        samples = samples[1105:]  # LAME's delay, which only a file's header tells
    if name == "aac":
        samples = samples[1024:]
    resampler = Resampler(RATE, rate)
    tone = TONE if rate == RATE else np.concatenate([resampler.feed(TONE), resampler.finish()])
    common = min(len(tone), len(samples))
    assert np.abs(samples[:common] - tone[:common]).max() < 0.05
    assert np.corrcoef(samples[:common], tone[:common])[0, 1] > 0.999


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        *((name, True) for name in NAMES if name not in ("aac", "pcm")),  # which libsndfile can't read
        *((name, False) for name in ("mp3", "opus", "wav")),  # of FLAC without a length, soundfile can't
    ],
)
def test_soundfile_reads_files_and_streams(name: str, whole: bool) -> None:
    with soundfile.SoundFile(io.BytesIO(encoded(FORMATS[name], whole=whole))) as file:
        count = 0
        while block := len(file.read(1000)):
            count += block
        assert not whole or count == file.frames
        late = 3 * 576 / RATE if name == "mp3" and not whole else 0.0
        assert count / file.samplerate == pytest.approx(len(TONE) / RATE, abs=late + 1 / 24000)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_third_of_a_second_gives_bytes_with_audio(name: str) -> None:
    made = encoder(FORMATS[name], RATE, whole=False)
    first = made.feed(TONE[: RATE // 3])
    samples, rate, _ = decoded(first, FORMATS[name])
    assert len(samples) / rate > 0.1


@settings(max_examples=examples(25))
@given(name=st.sampled_from(NAMES), whole=st.booleans(), cuts=st.lists(st.integers(0, 15_000), max_size=40))
def test_where_the_pieces_end_makes_no_difference(name: str, whole: bool, cuts: list[int]) -> None:
    samples = TONE[:15_000]
    assert encoded(FORMATS[name], samples, whole=whole, cuts=tuple(cuts)) == encoded(
        FORMATS[name], samples, whole=whole
    )


@settings(max_examples=examples(25))
@given(name=st.sampled_from(NAMES), count=st.integers(1, 3000), whole=st.booleans())
def test_even_the_shortest_audio_becomes_a_file(name: str, count: int, whole: bool) -> None:
    known = "aac" if name == "aac" else None  # in less than three frames ffmpeg does not recognise it
    samples, rate, _ = decoded(encoded(FORMATS[name], TONE[:count], whole=whole), FORMATS[name], known)
    assert len(samples) / rate >= count / RATE - 1 / 24000


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [4000, 8000, 16000, 23456, 24000, 48000, 192_000])
def test_every_rate_that_a_provider_may_have_is_taken(name: str, rate: int) -> None:
    tone = hum(300.0, 0.7, rate)
    samples, got, _ = decoded(encoded(FORMATS[name], tone, rate), FORMATS[name])
    assert len(samples) / got == pytest.approx(0.7, abs=2 * 1152 / 8000)


@settings(max_examples=examples(50))
@given(
    encoding=st.sampled_from(SampleEncoding),
    count=st.integers(1, 9000),
    rates=st.tuples(st.sampled_from([16000, 22050, 24000]), st.sampled_from([8000, 11025, 22050, 24000, 48000])),
    cuts=st.lists(st.integers(0, 9000), max_size=5),
)
def test_a_stream_of_known_length_is_the_whole_file(
    encoding: SampleEncoding, count: int, rates: tuple[int, int], cuts: list[int]
) -> None:
    source, target = rates
    form = audio_format("wav", target, encoding)
    tone = hum(300.0, 0.6, source)[:count]
    stream = encoder(form, source, whole=False, length=Length(samples=len(tone)))
    borders = [0, *sorted(min(cut, len(tone)) for cut in cuts), len(tone)]
    data = b"".join([*(stream.feed(tone[start:end]) for start, end in pairwise(borders)), stream.finish()])
    assert data == encoded(form, tone, source)


@settings(max_examples=examples(25))
@given(count=st.integers(3100, 30_000))
def test_aac_is_as_long_as_it_should_be_but_for_a_frame(count: int) -> None:
    aac = FORMATS["aac"]
    soft = TONE[-count:]
    samples, _, _ = decoded(encoded(aac, soft), aac)
    assert 0 <= len(samples) - count < 1024


def test_audio_that_breaks_off_loses_nothing_in_aac() -> None:
    aac = FORMATS["aac"]
    loud = np.full(RATE, 0.5, np.float32) * np.sin(np.arange(RATE) / 10).astype(np.float32)
    samples, _, _ = decoded(encoded(aac, loud), aac)
    assert len(samples) - len(loud) >= 1024
    assert np.abs(samples[1024 : 1024 + len(loud)] - loud).max() < 0.1


@pytest.mark.parametrize("name", ["mp3", "opus", "flac"])
def test_a_file_says_who_speaks_and_nothing_else(name: str) -> None:
    with av.open(io.BytesIO(encoded(FORMATS[name]))) as container:
        said = {**container.metadata, **container.streams[0].metadata}
    assert {key.lower(): value for key, value in said.items()} == {"artist": "joe", "encoded_by": "ttscope"}


def test_loud_samples_are_clipped_in_every_format() -> None:
    for wanted in FORMATS.values():
        samples, _, _ = decoded(encoded(wanted, TONE * 8), wanted)
        assert np.abs(samples).max() < 1.3


def test_a_rate_is_kept_or_the_next_higher_one() -> None:
    assert [MP3.sample_rate(rate) for rate in (22050, 23000, 96000)] == [22050, 24000, 48000]
    assert (OPUS.sample_rate(22050), PCM.sample_rate(22050), WAV.sample_rate(12345)) == (48000, 24000, 12345)


def test_nothing_of_ffmpeg_reaches_the_logs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        encoded(FORMATS["flac"], whole=False)
    assert not caplog.records
