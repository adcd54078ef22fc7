"""Sample rates and encodings that a request chooses: which format has which, and what becomes of the audio."""

from __future__ import annotations

import io
from typing import get_args

import av
import numpy as np
import pytest
import soundfile

from server.audio.encoding import encoder
from server.audio.formats import FORMATS, SAMPLE_RATES, Format, audio_format
from server.audio.sample_encoding import SampleEncoding
from server.errors import SpeechError, UnsupportedFormat
from server.routes.openai_api import SpeechRequest
from server.routes.requests import EncodingName, SampleRate, TtsRequest, parse
from tests.humming_provider import hum

SOURCE = 22050
TONE = hum(300.0, 1.5, SOURCE)
RAW = {"pcm_s16le": "s16le", "pcm_f32le": "f32le", "pcm_mulaw": "mulaw", "pcm_alaw": "alaw"}
"""ffmpeg's formats of samples without a header."""


def encoded(form: Format, samples: np.ndarray = TONE, *, whole: bool = True) -> bytes:
    made = encoder(form, SOURCE, whole=whole)
    return made.feed(samples) + made.finish()


def decoded(data: bytes, form: Format, rate: int) -> np.ndarray:
    raw = form.name == "pcm"
    options = {"sample_rate": str(rate)} if raw else {}
    with av.open(io.BytesIO(data), format=RAW[form.encoding] if raw else None, options=options) as container:
        assert container.streams.audio[0].rate == rate
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    samples = np.concatenate(frames)
    return samples / 32767 if samples.dtype == np.int16 else samples


def level(samples: np.ndarray, rate: int, pitch: float) -> float:
    """The level of a pitch in dB; 0 is a tone at full scale."""
    window = np.hanning(len(samples))
    wave = np.exp(-2j * np.pi * pitch / rate * np.arange(len(samples)))
    return float(20 * np.log10(2 * abs(np.sum(samples * window * wave)) / window.sum() + 1e-12))


def test_the_names_of_requests_are_those_of_the_formats() -> None:
    assert get_args(SampleRate) == SAMPLE_RATES
    assert get_args(EncodingName) == tuple(SampleEncoding)


@pytest.mark.parametrize("rate", SAMPLE_RATES)
@pytest.mark.parametrize("name", FORMATS)
def test_the_audio_has_the_rate_and_its_duration(name: str, rate: int) -> None:
    if name == "opus" and rate != 48000:
        with pytest.raises(UnsupportedFormat, match="sample_rate must be 48000 Hz for opus"):
            audio_format(name, rate)
        return
    form = audio_format(name, rate)
    samples = decoded(encoded(form), form, rate)
    frame = {"mp3": 1152, "aac": 1024}.get(name, 1)
    assert len(samples) == pytest.approx(len(TONE) * rate / SOURCE, abs=frame)
    assert level(samples, rate, 300.0) == pytest.approx(level(TONE, SOURCE, 300.0), abs=0.7)  # mp3 is 0.45 dB softer


@pytest.mark.parametrize("rate", SAMPLE_RATES)
@pytest.mark.parametrize("whole", [True, False])
def test_nothing_is_heard_that_the_rate_can_not_hold(rate: int, whole: bool) -> None:
    """A pitch above half of the rate would come back as another one."""
    moments = np.arange(2 * SOURCE) / SOURCE
    high = min(0.7 * rate, 9_900.0)
    samples = (0.4 * np.sin(2 * np.pi * 1000 * moments) + 0.4 * np.sin(2 * np.pi * high * moments)).astype(np.float32)
    form = audio_format("pcm", rate, "pcm_f32le")
    heard = np.frombuffer(encoded(form, samples, whole=whole), "<f4")
    assert level(heard, rate, 1000.0) == pytest.approx(level(samples, SOURCE, 1000.0), abs=0.01)
    if high > rate / 2:
        assert level(heard, rate, rate - high) < -100
    else:
        assert level(heard, rate, high) == pytest.approx(level(samples, SOURCE, high), abs=0.01)


@pytest.mark.parametrize("encoding", SampleEncoding)
@pytest.mark.parametrize("name", ["wav", "pcm"])
@pytest.mark.parametrize("rate", [8000, None])
def test_an_encoding_is_the_same_audio(name: str, encoding: SampleEncoding, rate: int | None) -> None:
    form, plain = audio_format(name, rate, encoding), audio_format(name, rate)
    actual = form.sample_rate(SOURCE)
    assert actual == plain.sample_rate(SOURCE) == (rate or {"wav": SOURCE, "pcm": 24000}[name])
    samples, expected = decoded(encoded(form), form, actual), decoded(encoded(plain), plain, actual)
    assert len(samples) == len(expected)
    noise = 1 / 32767 if encoding in ("pcm_s16le", "pcm_f32le") else 0.5 / 32 + 1 / 32767
    assert np.abs(samples - expected).max() <= noise
    assert len(encoded(form)) == pytest.approx(form.byte_rate(SOURCE) * 1.5, abs=64)


def test_the_encoding_of_compressed_audio_is_its_own() -> None:
    for name in FORMATS.keys() - {"wav", "pcm"}:
        with pytest.raises(UnsupportedFormat, match="encoding is for wav and pcm alone") as refusal:
            audio_format(name, None, "pcm_mulaw")
        assert refusal.value.param == "encoding"


def test_an_odd_number_of_bytes_is_filled_up_in_a_file_only() -> None:
    form = audio_format("wav", SOURCE, "pcm_alaw")
    file, stream = (encoded(form, TONE[:999], whole=whole) for whole in (True, False))
    assert len(file) == len(stream) + 1
    assert soundfile.info(io.BytesIO(file)).frames == 999
    assert stream[-999:] == file[-1000:-1]


def test_the_type_is_basic_for_what_is_registered_as_such() -> None:
    assert audio_format("pcm", 8000, "pcm_mulaw").content_type == "audio/basic"
    for rate, encoding in ((16000, "pcm_mulaw"), (None, "pcm_mulaw"), (8000, "pcm_alaw"), (8000, None)):
        assert audio_format("pcm", rate, encoding).content_type == "audio/pcm"
    assert audio_format("wav", 8000, "pcm_mulaw").content_type == "audio/wav"


def test_without_a_choice_a_format_is_as_ever() -> None:
    for name, form in FORMATS.items():
        assert audio_format(name) == form


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        (b'"encoding": "pcm_alaw", "response_format": "flac"', "encoding"),
        (b'"encoding": "pcm_s16le"', "encoding"),  # mp3 unless another format is named
        (b'"sample_rate": 8000, "response_format": "opus"', "sample_rate"),
        (b'"sample_rate": 96000', "sample_rate"),
        (b'"encoding": "mulaw", "response_format": "wav"', "encoding"),
    ],
)
def test_openais_call_refuses_the_same_by_name(choice: bytes, param: str) -> None:
    with pytest.raises(SpeechError) as refusal:
        parse(SpeechRequest, b'{"model": "m", "input": "a", "voice": "joe", %b}' % choice).as_tts()
    assert refusal.value.param == param
    assert refusal.value.status == 422


def test_both_calls_take_a_choice() -> None:
    choice = {"response_format": "pcm", "sample_rate": 8000, "encoding": "pcm_mulaw"}
    ours = TtsRequest(text="a", **choice)
    theirs = SpeechRequest(model="m", input="a", voice="joe", **choice).as_tts()
    assert ours.format is theirs.format is audio_format("pcm", 8000, "pcm_mulaw")
