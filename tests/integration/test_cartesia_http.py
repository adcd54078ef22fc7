"""Cartesia's SDK against the server's calls over HTTP: nothing but the address is changed."""

from __future__ import annotations

import io
import wave
from typing import Any

import av
import cartesia as cartesia_sdk
import pytest

from server.errors import EngineFailed
from tests.client_features import shows
from tests.humming_provider import HummingProvider, failing
from tests.integration.test_cartesia import PACE, SPEECH, TEXT, audio, sdk, words
from tests.service_client import Start, samples
from tests.timed_provider import TimedProvider

MP3 = {"container": "mp3", "sample_rate": 44_100, "bit_rate": 128_000}


@shows("Cartesia", "cartesia", "whole text")
@pytest.mark.parametrize(
    ("prefix", "form", "content_type", "width"),
    [
        ("/cartesia", {"container": "raw", "encoding": "pcm_f32le", "sample_rate": 44_100}, "audio/pcm", 4),
        ("", {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8_000}, "audio/basic", 1),
        ("", {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 22_050}, "audio/wav", 2),
        ("", {"container": "wav", "encoding": "pcm_alaw", "sample_rate": 8_000}, "audio/wav", 1),
        ("/cartesia", MP3, "audio/mpeg", 0),
        ("", {**MP3, "bit_rate": 32_000}, "audio/mpeg", 0),
    ],
)
async def test_bytes_are_the_audio(
    start: Start, prefix: str, form: dict[str, Any], content_type: str, width: int
) -> None:
    client = await start()
    async with sdk(client, prefix) as cartesia:
        response = await cartesia.tts.generate(**{**SPEECH, "output_format": form}, transcript=TEXT)
        data = await response.read()
    assert response.headers["Content-Type"] == content_type
    assert response.headers["X-TTS-Provider"] == "humming"
    assert "X-TTS-Ignored" not in response.headers
    if form["container"] == "mp3":
        with av.open(io.BytesIO(data)) as container:
            assert container.streams.audio[0].bit_rate == form["bit_rate"]
            seconds = sum(frame.samples for frame in container.decode(audio=0)) / 44_100
    else:
        assert data.startswith(b"RIFF") == (form["container"] == "wav")
        seconds = len(data) / width / form["sample_rate"]
    assert seconds == pytest.approx(PACE * len(TEXT), abs=0.5)
    counted = samples(await client.prometheus(), "tts_requests_total", endpoint=f"{prefix}/tts/bytes", outcome="ok")
    assert counted == [1]


async def test_a_wav_file_is_read_by_pythons_own_module(start: Start) -> None:
    client = await start()
    form = {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 16_000}
    async with sdk(client) as cartesia:
        response = await cartesia.tts.generate(**{**SPEECH, "output_format": form}, transcript="Hello.")
        with wave.open(io.BytesIO(await response.read())) as file:
            assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (16_000, 2, 1)


@pytest.mark.parametrize("prefix", ["", "/cartesia"])
async def test_events_have_the_audio_and_the_times_of_words(start: Start, prefix: str) -> None:
    client = await start(TimedProvider())
    async with sdk(client, prefix) as cartesia:
        stream = await cartesia.tts.generate_sse(
            **SPEECH, transcript=TEXT, add_timestamps=True, add_phoneme_timestamps=False, context_id="one"
        )
        events = [event async for event in stream]
        whole = await (await cartesia.tts.generate(**SPEECH, transcript=TEXT)).read()
    assert [event.type for event in events[:2]] == ["timestamps", "chunk"]
    assert (events[-1].type, events[-1].done) == ("done", True)
    assert {event.context_id for event in events} == {"one"}
    assert audio(events) == whole
    assert [word for word, _, _ in words(events)] == TEXT.split()
    assert sum(event.step_time for event in events if event.type == "chunk") > 1.0
    assert stream.response.headers["Content-Type"] == "text/event-stream"


async def test_a_failure_is_the_last_event(start: Start) -> None:
    provider = failing(EngineFailed("the speech engine failed"), after=1)
    client = await start(provider)
    async with sdk(client) as cartesia:
        *_, last = [event async for event in await cartesia.tts.generate_sse(**SPEECH, transcript=TEXT)]
        assert (last.type, last.status_code, last.error) == ("error", 500, "Engine failed: the speech engine failed")
        assert last.request_id
        provider.fail_after = 0
        with pytest.raises(cartesia_sdk.InternalServerError):
            await cartesia.tts.generate_sse(**SPEECH, transcript=TEXT)


REFUSED = [
    ({"voice": "nobody"}, 404, "no such voice"),
    ({"voice": {"mode": "embedding", "embedding": [0.1]}}, 422, "voice.mode"),
    ({"voice": {"id": ""}}, 422, "voice.id"),
    ({"transcript": "..."}, 422, ""),
    ({"language": "fr"}, 422, "speaks only"),
    ({"locale": "en"}, 422, "locale"),
    ({"save": True}, 422, "save: no audio is kept"),
    ({"pronunciation_dict_id": "one"}, 422, "pronunciation_dict_id"),
    ({"normalization": "off"}, 422, "normalization"),
    ({"generation_config": {"volume": 2.0}}, 422, "generation_config.volume"),
    ({"generation_config": {"speed": 9.0}}, 422, "generation_config.speed"),
    ({"generation_config": {"pitch": 9.0}}, 422, "generation_config: has a field"),
    ({"speed": "hasty"}, 422, "speed"),
    ({"output_format": {"container": "mp3", "sample_rate": 12_345}}, 422, "output_format.sample_rate"),
    ({"output_format": {"container": "raw", "sample_rate": 8_000}}, 422, "output_format.encoding"),
    ({"output_format": {"container": "ogg", "sample_rate": 8_000}}, 422, "output_format.container"),
    ({"output_format": {**MP3, "sample_rate": 8_000}}, 422, "output_format.bit_rate: must be at most 64000"),
    ({"output_format": {**MP3, "bit_rate": 1}}, 422, "output_format.bit_rate"),
    ({"pitch": 1}, 422, "allowed fields are"),
    ({"add_timestamps": True}, 422, "allowed fields are"),
    ({"voice": dict.fromkeys(map(str, range(100)))}, 422, "voice: must not have more than"),
]


async def test_what_is_refused_is_named_in_cartesias_format(start: Start) -> None:
    client = await start()
    for wrong, status, message in REFUSED:
        body = {**SPEECH, "transcript": "Hello.", **wrong}
        async with client.session.post(f"{client.url}/tts/bytes", json=body) as response:
            error = await response.json()
        assert (response.status, wrong) == (status, wrong)
        assert message in error["message"]
        assert error.keys() == {"title", "message", "error_code"}
    async with client.session.post(f"{client.url}/tts/bytes", json=[]) as response:
        assert (response.status, (await response.json())["error_code"]) == (400, "invalid_json")
    async with client.session.post(f"{client.url}/tts/bytes", data="{}") as response:
        assert (response.status, (await response.json())["error_code"]) == (415, "unsupported_media_type")
    body = {**SPEECH, "transcript": "Hello.", "add_phoneme_timestamps": True}
    async with client.session.post(f"{client.url}/tts/sse", json=body) as response:
        assert "add_phoneme_timestamps" in (await response.json())["message"]
    async with sdk(client) as cartesia:
        with pytest.raises(cartesia_sdk.NotFoundError, match="no such voice"):
            await cartesia.tts.generate(**{**SPEECH, "voice": "nobody"}, transcript="Hello.")


async def test_what_says_nothing_here_is_accepted(start: Start) -> None:
    client = await start()
    body = {
        **SPEECH,
        "transcript": "Hello.",
        "save": False,
        "duration": 1,
        "normalization": "auto",
        "pronunciation_dict_id": None,
        "use_original_timestamps": True,
        "generation_config": {"emotion": "happy", "volume": 1.0},
    }
    async with client.session.post(f"{client.url}/tts/bytes?cartesia_version=1", json=body) as response:
        assert response.status == 200
        assert response.headers["X-TTS-Ignored"] == "duration, use_original_timestamps, generation_config.emotion"


async def test_voices_are_listed_page_by_page(start: Start) -> None:
    client = await start(HummingProvider())
    async with sdk(client, "/cartesia") as cartesia:
        voices = [voice async for voice in cartesia.voices.list(limit=1, expand=["preview_file_url"])]
        assert [voice.id for voice in voices] == ["joe", "kan"]
        [joe, kan] = voices
        assert (joe.language, kan.language, joe.access, joe.is_owner) == ("en", "ja", "public", False)
        assert [(each.locale, each.is_native) for each in joe.locales] == [("en", True), ("en-us", False)]
        assert joe.created_at.year >= 2026
        assert [voice.id async for voice in cartesia.voices.list(q="KA")] == ["kan"]
        assert [voice.id async for voice in cartesia.voices.list(limit=1, ending_before="kan")] == ["joe"]
        assert [voice.id async for voice in cartesia.voices.list(is_owner=True)] == []
        for wrong in ({"limit": 0}, {"gender": "feminine"}, {"starting_after": "joe", "ending_before": "kan"}):
            with pytest.raises(cartesia_sdk.UnprocessableEntityError):
                await cartesia.voices.list(**wrong)
        assert (await cartesia.voices.get("joe")).id == "joe"
    async with sdk(client) as cartesia:  # GET /voices without the prefix is MaryTTS's
        assert (await cartesia.voices.get("kan")).language == "ja"
        with pytest.raises(cartesia_sdk.NotFoundError):
            await cartesia.voices.get("nobody")
