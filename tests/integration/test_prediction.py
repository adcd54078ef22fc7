"""Predictions over real HTTP: dry runs, what the event says, and a model that is taken up while the server runs."""

from __future__ import annotations

import asyncio
import json
import time
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from drift.prediction.shared_model import NAME
from otel.contract.event_fields import RequestField
from otel.prediction.model_file import encode
from server import VERSION
from server.components import MODEL_FILE
from tests.humming_provider import JOE, PACE, HummingProvider
from tests.prediction_models import record
from tests.service_client import Client, Start, samples

TEXT = "One two three four five six. Seven eight nine ten."
DRY = {"text": TEXT, "dry_run": True}
BEHIND_A_PROXY = {"trusted_proxies": (ip_network("127.0.0.0/8"),)}


async def dry_run(client: Client, **fields: Any) -> Any:
    status, _, body = await client.tts(DRY | fields)
    assert status == 200
    return json.loads(body)


def put_model(data_dir: Path, name: Path = MODEL_FILE, **changes: Any) -> None:
    """Puts a model for this server where the drift job would."""
    path = data_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    fitting = {"trained_until": time.time(), "builds": [VERSION], "voices": {"joe": JOE.checksum}}
    path.write_text(encode(record(2.0, **(fitting | changes))))


def events(data_dir: Path) -> list[dict[str, Any]]:
    lines = (data_dir / "events" / "requests.jsonl").read_text().splitlines()
    records = [
        each
        for line in lines
        for logs in json.loads(line)["resourceLogs"]
        for scope in logs["scopeLogs"]
        for each in scope["logRecords"]
    ]
    return [
        {attribute["key"]: next(iter(attribute["value"].values())) for attribute in each["attributes"]}
        for each in records
    ]


async def test_a_dry_run_predicts_and_speaks_nothing(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    answer = await dry_run(client)
    assert answer["admitted"] is True
    assert answer["refusal"] is answer["retry_after"] is None
    assert answer["audio_seconds"] == pytest.approx(PACE["joe"] * len(TEXT))
    assert 0 < answer["duration_seconds"]["p50"] < answer["duration_seconds"]["p95"]
    assert answer["first_audio_seconds"] == answer["duration_seconds"]
    assert (answer["words"], answer["word_count_range"]) == (10, "1-10")
    assert (answer["characters"], answer["character_count_range"]) == (len(TEXT), "1-50")
    assert (answer["voice_name"], answer["language"], answer["predictor"]) == ("joe", "en", "linear")
    assert provider.listeners == []
    stream = await dry_run(client, stream=True)
    assert stream["first_audio_seconds"] != stream["duration_seconds"]


async def test_a_dry_run_has_the_expected_cost(start: Start, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('currency = "EUR"\ncpu_core_hour = 3600\n[million_characters]\nhumming = 100\n', encoding="utf-8")
    client = await start(prices_file=prices)
    unknown = await dry_run(client)
    assert (unknown["cost"], unknown["currency"]) == (None, "EUR")
    assert (await client.tts({"text": TEXT}))[0] == 200
    await client.until(lambda summary: summary["successful_requests"] == 1)
    twice = await dry_run(client, text=f"{TEXT} {TEXT}")
    await client.service.stop()
    (event,) = (event for event in events(tmp_path) if RequestField.COST in event)
    cost, seconds = float(event[RequestField.COST]), float(event[RequestField.AUDIO_DURATION])
    assert cost > 100 * len(TEXT) / 1e6
    assert twice["cost"] == pytest.approx(cost / seconds * twice["audio_seconds"], rel=0.001)
    assert twice["currency"] == event[RequestField.CURRENCY]


async def test_a_dry_run_has_no_cost_without_a_price_list(start: Start) -> None:
    client = await start()
    assert (await client.tts({"text": TEXT}))[0] == 200
    answer = await dry_run(client)
    assert answer["cost"] is answer["currency"] is None


async def test_a_dry_run_is_no_request_for_audio(start: Start, tmp_path: Path) -> None:
    client = await start()
    await dry_run(client)
    assert (await client.tts({"text": TEXT}))[0] == 200
    summary = await client.until(lambda summary: summary["total_requests"] == 1)
    assert summary["requests_in_flight"] == 0
    text = await client.prometheus()
    assert samples(text, "tts_dry_runs_total", admitted="yes") == [1.0]
    assert sum(samples(text, "tts_requests_total")) == 1
    await client.service.stop()
    assert len(events(tmp_path)) == 1


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"text": ""}, 422, "nothing_to_speak"),
        ({"voice_name": "nobody"}, 404, "unknown_voice"),
        ({"speed": 99}, 422, "invalid_request"),
        ({"dry_run": "yes"}, 422, "invalid_request"),
    ],
)
async def test_a_dry_run_is_validated_as_a_request_is(start: Start, fields: Any, status: int, code: str) -> None:
    client = await start()
    assert (await client.refused(DRY | fields))[:2] == (status, code)
    assert (await client.json("/metrics"))["rejected_requests"] == 1


async def test_a_dry_run_says_when_there_is_no_room(start: Start) -> None:
    provider = HummingProvider()
    provider.rate = 1.0
    client = await start(provider, max_queue_seconds=4.0)
    provider.gate.clear()
    waiting = asyncio.create_task(client.tts({"text": TEXT}))
    async with asyncio.timeout(60):
        while not provider.listeners:
            await asyncio.sleep(0.01)
    answer = await dry_run(client)
    status, headers, body = await client.tts({"text": TEXT})
    assert (status, json.loads(body)["error"]["code"]) == (429, "queue_full")
    assert (answer["admitted"], answer["refusal"]) == (False, "queue_full")
    assert answer["retry_after"] == int(headers["Retry-After"])
    assert samples(await client.prometheus(), "tts_dry_runs_total", admitted="no") == [1.0]
    provider.gate.set()
    assert (await waiting)[0] == 200


async def test_a_dry_run_counts_for_the_minute_and_not_for_quotas(start: Start) -> None:
    client = await start(**BEHIND_A_PROXY, requests_per_minute=3, characters_per_month=len(TEXT) + 1)
    headers = {"X-Forwarded-For": "192.0.2.1"}
    dry = [await client.tts(DRY, headers=headers), await client.tts(DRY | {"text": TEXT + TEXT}, headers=headers)]
    assert [json.loads(body)["refusal"] for _, _, body in dry] == [None, "insufficient_quota"]
    status, answer, _ = await client.tts({"text": TEXT}, headers=headers)
    assert status == 200
    assert '"requests_per_minute";r=0' in answer["RateLimit"]
    assert (await client.tts(DRY, headers=headers))[0] == 429


async def test_the_event_has_the_features_and_the_prediction(start: Start, tmp_path: Path) -> None:
    client = await start()
    assert (await client.tts({"text": TEXT, "response_format": "flac", "stream": True}))[0] == 200
    text = await client.prometheus()
    assert sum(samples(text, "tts_predictions_total", predictor="linear")) == 1
    assert samples(text, "tts_prediction_ratio_count", predictor="linear", word_count_range="1-10") == [1.0]
    await client.service.stop()
    (event,) = events(tmp_path)
    assert event[RequestField.RESPONSE_FORMAT] == "flac"
    assert event[RequestField.DEVICE] == "cpu"
    assert event[RequestField.PREDICTOR] == "linear"
    assert int(event[RequestField.PHONEME_ESTIMATE]) == len(TEXT)
    assert int(event[RequestField.REQUESTS_AHEAD]) == float(event[RequestField.AUDIO_AHEAD]) == 0
    assert float(event[RequestField.THROUGHPUT]) == HummingProvider().rate
    predicted = RequestField.PREDICTED_DURATION, RequestField.PREDICTED_DURATION_P95
    assert 0 < float(event[predicted[0]]) < float(event[predicted[1]])


async def test_a_hit_of_the_cache_has_no_prediction(start: Start, tmp_path: Path) -> None:
    client = await start(cache_bytes=10_000_000)
    for _ in range(2):
        assert (await client.tts({"text": TEXT}))[0] == 200
    await client.service.stop()
    made, hit = events(tmp_path)
    assert RequestField.PREDICTED_DURATION in made
    assert RequestField.PREDICTED_DURATION not in hit


async def test_a_new_model_is_taken_up_without_a_restart(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.prediction.model_watcher.INTERVAL_SECONDS", 0.01)
    client = await start()
    assert (await dry_run(client))["predictor"] == "linear"
    put_model(tmp_path)
    await client.until(lambda summary: summary["prediction"]["state"] == "in_use")
    answer = await dry_run(client)
    assert answer["predictor"] == "model"
    assert answer["duration_seconds"]["p50"] == pytest.approx(2.0 * len(TEXT) / HummingProvider().rate, abs=0.001)
    assert await client.json("/health") == {"status": "ok"}
    put_model(tmp_path, id="next", builds=["another"])
    await client.until(lambda summary: summary["prediction"]["state"] == "build")
    assert await client.json("/health") == {"status": "ok", "prediction": "build"}
    assert samples(await client.prometheus(), "tts_prediction_model", state="build") == [1.0]
    assert (await dry_run(client))["predictor"] == "linear"
    (tmp_path / MODEL_FILE).write_text("{}")
    await client.until(lambda summary: summary["prediction"]["state"] == "invalid")
    (tmp_path / MODEL_FILE).unlink()
    await client.until(lambda summary: summary["prediction"]["state"] == "none")


async def test_the_model_of_the_shared_store_comes_before_the_servers_own(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.prediction.model_watcher.INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr("server.shared.store_watcher.POLL_SECONDS", 0.01)
    store = tmp_path / "store"
    store.mkdir()
    client = await start(shared_store=str(store))
    put_model(tmp_path, id="own")
    await client.until(lambda summary: summary["prediction"]["model"] == "own")
    put_model(store, Path(NAME), id="shared")
    await client.until(lambda summary: summary["prediction"]["model"] == "shared")
    assert (await dry_run(client))["predictor"] == "model"
    (store / NAME).unlink()
    await client.until(lambda summary: summary["prediction"]["model"] == "own")
