"""ElevenLabs' SDK against the server: nothing but the address is changed."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
from elevenlabs import AsyncElevenLabs, ElevenLabs, VoiceSettings
from elevenlabs.core.api_error import ApiError

from server.errors import EngineFailed
from tests.api_keys import create
from tests.certificates import Authority
from tests.client_features import shows
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples
from tests.timed_humming_provider import TimedHummingProvider

TEXT = "The rain had stopped by noon. Then we went home."
SECONDS = 0.065 * (len(TEXT) - 2)
"""The seconds that TEXT is hummed: its full stops take no time."""
FORMATS = {
    "mp3_44100_128": ("mp3", 44_100, 128_000),
    "mp3_22050_32": ("mp3", 22_050, 32_000),
    "opus_48000_64": ("opus", 48_000, None),
    "wav_24000": ("pcm_s16le", 24_000, 384_000),
}


def sdk(client: Client, prefix: str = "/elevenlabs", **options: Any) -> AsyncElevenLabs:
    """Returns the SDK's client of a server."""
    return AsyncElevenLabs(base_url=client.url + prefix, **{"api_key": "none", **options})


async def joined(chunks: Any) -> bytes:
    return b"".join([chunk async for chunk in chunks])


@shows("ElevenLabs", "elevenlabs", "whole text")
@pytest.mark.parametrize("name", FORMATS)
async def test_a_whole_text_is_spoken_in_the_format_that_is_chosen(start: Start, name: str) -> None:
    client = await start()
    tts = sdk(client).text_to_speech
    data = await joined(tts.convert("joe", text=TEXT, output_format=name, model_id="eleven_flash_v2_5"))
    codec, rate, bits = FORMATS[name]
    with av.open(io.BytesIO(data)) as file:
        stream = file.streams.audio[0]
        assert (stream.codec_context.name.removesuffix("float"), stream.rate) == (codec, rate)
        assert bits is None or stream.bit_rate == bits
        decoded = sum(frame.samples for frame in file.decode(stream))
    assert decoded / rate == pytest.approx(SECONDS, abs=0.2)


@pytest.mark.parametrize(("name", "width", "rate"), [("pcm_16000", 2, 16_000), ("ulaw_8000", 1, 8000)])
async def test_a_text_is_streamed_at_the_speed_of_its_settings(start: Start, name: str, width: int, rate: int) -> None:
    client = await start()
    settings = VoiceSettings(speed=2.0, stability=0.4, similarity_boost=0.7, style=0.1, use_speaker_boost=True)
    tts = sdk(client).text_to_speech
    data = await joined(tts.stream("joe", text=TEXT, output_format=name, voice_settings=settings, seed=7))
    assert len(data) / width / rate == pytest.approx(SECONDS / 2, abs=0.1)
    path = "/elevenlabs/v1/text-to-speech/{voice_id}/stream"
    assert samples(await client.prometheus(), "tts_requests_total", endpoint=path, outcome="ok") == [1]


@shows("ElevenLabs", "elevenlabs", "word times")
async def test_characters_have_times(start: Start) -> None:
    client = await start(TimedHummingProvider())
    tts = sdk(client).text_to_speech
    whole = await tts.convert_with_timestamps("joe", text=TEXT, output_format="pcm_16000")
    seconds = len(base64.b64decode(whole.audio_base_64)) / 2 / 16_000
    assert whole.alignment == whole.normalized_alignment
    assert whole.alignment is not None
    assert "".join(whole.alignment.characters) == f"{TEXT} "
    starts, ends = whole.alignment.character_start_times_seconds, whole.alignment.character_end_times_seconds
    assert starts == sorted(starts)
    assert all(start <= end <= seconds + 0.001 for start, end in zip(starts, ends, strict=True))
    assert ends[-1] == pytest.approx(seconds, abs=0.001)
    chunks = [chunk async for chunk in tts.stream_with_timestamps("joe", text=TEXT, output_format="pcm_16000")]
    assert len(chunks) > 2
    timed = [chunk.alignment for chunk in chunks if chunk.alignment]
    characters = [
        (character, time)
        for times in timed
        for character, time in zip(times.characters, times.character_start_times_seconds, strict=True)
        if character != " "
    ]
    assert "".join(character for character, _ in characters) == TEXT.replace(" ", "")
    spoken = [time for character, time in zip(TEXT, starts, strict=False) if character != " "]
    assert [time for _, time in characters] == pytest.approx(spoken, abs=0.01)
    assert timed[-1].character_end_times_seconds[-1] == pytest.approx(seconds, abs=0.01)
    streamed = sum(len(base64.b64decode(chunk.audio_base_64)) for chunk in chunks)
    assert streamed / 2 / 16_000 == pytest.approx(seconds, abs=0.01)


async def test_voices_and_models_are_listed(start: Start) -> None:
    elevenlabs = sdk(await start())
    voices = (await elevenlabs.voices.get_all()).voices
    assert [(voice.voice_id, voice.category) for voice in voices] == [("joe", "premade"), ("kan", "premade")]
    assert [each.language for each in voices[0].verified_languages or []] == ["en", "en-us"]
    assert (await elevenlabs.voices.get("kan")).name == "kan"
    page = await elevenlabs.voices.search(page_size=1)
    assert ([voice.voice_id for voice in page.voices], page.has_more, page.total_count) == (["joe"], True, 2)
    page = await elevenlabs.voices.search(page_size=1, next_page_token=page.next_page_token)
    assert ([voice.voice_id for voice in page.voices], page.has_more) == (["kan"], False)
    assert [voice.voice_id for voice in (await elevenlabs.voices.search(search="JO")).voices] == ["joe"]
    [model] = await elevenlabs.models.list()
    assert model.can_do_text_to_speech
    assert [language.language_id for language in model.languages or []] == ["en", "en-us", "ja"]


async def test_the_paths_have_no_prefix_where_they_are_free(start: Start) -> None:
    client = await start()
    elevenlabs = sdk(client, prefix="")
    assert await joined(elevenlabs.text_to_speech.convert("joe", text="Hello."))
    assert len((await elevenlabs.voices.get_all()).voices) == 2
    assert (await client.json("/v1/models"))["object"] == "list"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that the SDK trusts: over a socket it speaks to servers with a certificate alone."""
    authority = Authority(tmp_path / "authority.pem")
    authority.issue(tmp_path / "tls.crt", tmp_path / "tls.key")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    return authority


@shows("ElevenLabs", "elevenlabs", "text in pieces")
@pytest.mark.parametrize("prefix", ["", "/elevenlabs"])
async def test_a_text_in_pieces_is_spoken_over_a_socket(
    start: Start, authority: Authority, tmp_path: Path, prefix: str
) -> None:
    key = create(tmp_path, "agent")
    provider = HummingProvider()
    client = await start(provider, tls_certificate=tmp_path / "tls.crt", tls_key=tmp_path / "tls.key")
    elevenlabs = ElevenLabs(base_url=client.url + prefix, api_key=key)

    def words() -> Iterator[str]:
        for word in TEXT.split():
            yield f"{word} "

    def converse(voice: str, **options: Any) -> bytes:
        return b"".join(elevenlabs.text_to_speech.convert_realtime(voice, text=words(), **options))

    data = await asyncio.to_thread(
        converse, "joe", output_format="pcm_16000", model_id="any", voice_settings=VoiceSettings(speed=1.0)
    )
    assert len(data) / 2 / 16_000 == pytest.approx(SECONDS, abs=0.7)  # pauses between utterances
    assert np.abs(np.frombuffer(data, "<i2")).max() > 1000
    provider.failure = EngineFailed("no voice")
    with pytest.raises(ApiError) as failed:
        await asyncio.to_thread(converse, "joe")
    assert failed.value.status_code == 1008
    assert "no voice" in str(failed.value.body)  # the close frame's message, if the SDK was still sending


async def test_refusals_are_errors_that_the_sdk_knows(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "agent")
    client = await start()

    async def refused(voice: str = "joe", key: str = key, **options: Any) -> tuple[int | None, Any]:
        with pytest.raises(ApiError) as error:
            await joined(sdk(client, api_key=key).text_to_speech.convert(voice, **{"text": TEXT, **options}))
        return error.value.status_code, error.value.body["detail"]

    status, detail = await refused("nobody")
    assert (status, detail["status"]) == (404, "unknown_voice")
    assert "joe" in detail["message"]
    status, detail = await refused(key="none")
    assert (status, detail["status"]) == (401, "invalid_api_key")
    places = {
        ("query", "output_format"): {"output_format": "mp3_8000_8"},
        ("body", "voice_settings", "speed"): {"voice_settings": VoiceSettings(speed=9.0)},
        ("body", "apply_text_normalization"): {"apply_text_normalization": "off"},
        ("body", "language_code"): {"language_code": "fi"},
        ("body", "pronunciation_dictionary_locators"): {
            "pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "a", "version_id": "b"}]
        },
        ("body", "text"): {"text": "..."},
    }
    for place, options in places.items():
        status, [problem] = await refused(**options)
        assert (status, tuple(problem["loc"])) == (422, place)
        assert problem["msg"]
        assert problem["type"]
    with pytest.raises(ApiError) as error:
        await sdk(client, api_key=key).voices.search(category="cloned")
    assert error.value.status_code == 422


async def test_fields_that_mean_nothing_here_are_named(start: Start) -> None:
    client = await start()
    url = f"{client.url}/v1/text-to-speech/joe?enable_logging=false&optimize_streaming_latency=3"
    body = {"text": "Hello.", "previous_text": "Oh.", "next_text": None, "model_id": "eleven_v3"}
    async with client.session.post(url, json=body) as response:
        assert response.status == 200
        assert response.headers["X-TTS-Ignored"] == "model_id, previous_text"
        assert response.headers["Content-Type"] == "audio/mpeg"


async def test_a_stream_with_times_that_breaks_off_has_no_end(start: Start) -> None:
    provider = TimedHummingProvider()
    provider.failure, provider.fail_after = EngineFailed("no voice"), 1
    client = await start(provider)
    url = f"{client.url}/v1/text-to-speech/joe/stream/with-timestamps?output_format=pcm_24000"
    with pytest.raises(aiohttp.ClientPayloadError):
        async with client.session.post(url, json={"text": TEXT}) as response:
            await response.read()
