"""OpenTelemetry's names beside ours, as the real server reports them: on spans, in the event, and as a metric."""

from __future__ import annotations

from typing import Any

import pytest

from server.errors import EngineFailed
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples

DURATION = "gen_ai_server_request_duration_seconds"


async def spans(client: Client, **body: Any) -> list[dict[str, Any]]:
    """The spans of a request, the SERVER span first."""
    _, headers, _ = await client.tts(body)
    found: list[dict[str, Any]] = (await client.json(f"/traces/{headers['X-Trace-ID']}"))["spans"]
    return found


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_has_the_names_for_generative_ai(start: Start, stream: bool) -> None:
    client = await start()
    root, *others = await spans(client, text="hi", stream=stream)
    expected = {
        "gen_ai.operation.name": "text_to_speech",
        "gen_ai.provider.name": "humming",
        "gen_ai.request.model": "joe",
        "gen_ai.output.type": "speech",
    }
    [attempt] = [span for span in others if span["name"] == "attempt"]
    assert expected.items() <= attempt["attributes"].items()
    assert {**expected, "gen_ai.request.stream": stream}.items() <= root["attributes"].items()
    assert not {"error.type"} & {*root["attributes"], *attempt["attributes"]}
    text = await client.prometheus()
    labels = {"gen_ai_operation_name": "text_to_speech", "gen_ai_provider_name": "humming"}
    assert samples(text, f"{DURATION}_count", **labels, gen_ai_request_model="joe") == [1]
    ours, conventional = (samples(text, f"{name}_sum") for name in ("tts_request_duration_seconds", DURATION))
    assert ours == conventional


@pytest.mark.parametrize("fail_after", [0, 1])
async def test_a_failure_has_the_error_class_as_its_type(start: Start, fail_after: int) -> None:
    provider = HummingProvider()
    provider.failure, provider.fail_after = EngineFailed("the speech engine failed"), fail_after
    client = await start(provider)
    body = {"text": "One. Two.", "stream": True}
    async with client.session.post(f"{client.url}/tts", json=body) as response:
        trace = response.headers["X-Trace-ID"]
    await client.until(lambda s: s["failed_requests"] == 1)
    root, *others = (await client.json(f"/traces/{trace}"))["spans"]
    assert root["attributes"]["error.type"] == root["attributes"]["tts.error_type"] == "engine_failed"
    [attempt] = [span for span in others if span["name"] == "attempt"]
    assert attempt["attributes"]["error.type"] == attempt["attributes"]["tts.attempt_outcome"] == "error"
    assert samples(await client.prometheus(), f"{DURATION}_count") == []


async def test_a_mistake_of_the_client_is_no_error_of_the_span(start: Start) -> None:
    client = await start()
    [root, *_] = await spans(client, text="hi", voice_name="nobody")
    assert root["attributes"]["tts.error_type"] == "unknown_voice"
    assert "error.type" not in root["attributes"]


async def test_a_refusal_of_a_server_that_has_no_room_is_one(start: Start) -> None:
    client = await start(HummingProvider(ready=False))
    [root, *_] = await spans(client, text="hi")
    assert root["attributes"]["http.response.status_code"] == 503
    assert root["attributes"]["error.type"] == root["attributes"]["tts.error_type"]
