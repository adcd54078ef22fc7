"""What a running server tells routers of its load: ORCA's header and trailer, /ready/load, metrics by their names."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from server.middleware.orca import FORMAT_HEADER, HEADER, ORCA_FORMATS
from server.settings import Settings
from tests.api_keys import bearer, create
from tests.humming_provider import PACE, HummingProvider
from tests.loaded_provider import LoadedProvider
from tests.raw_client import RawClient, speech
from tests.server_process import ROOT
from tests.service_client import Client, Start, samples
from tests.unit.test_orca import read_text

TEXT = "One two three four five six. Seven eight nine ten."
SECONDS = PACE["joe"] * len(TEXT)
"""The estimated duration of its audio."""
PICKER = ROOT / "deploy" / "routing" / "endpoint-picker.yaml"
AS_TEXT = {FORMAT_HEADER: "TEXT"}


def in_json(header: str) -> dict[str, Any]:
    form, _, text = header.partition(" ")
    assert form == "JSON"
    return dict(json.loads(text))


async def held(client: Client, provider: HummingProvider, texts: list[str]) -> list[asyncio.Task[Any]]:
    """Requests that are admitted and wait for the provider's gate."""
    provider.gate.clear()
    tasks = [asyncio.create_task(client.tts({"text": text})) for text in texts]
    async with asyncio.timeout(60):
        while len(provider.listeners) < len(texts):
            await asyncio.sleep(0.01)
    return tasks


async def finish(provider: HummingProvider, tasks: list[asyncio.Task[Any]]) -> None:
    provider.gate.set()
    for task in tasks:
        assert (await task)[0] == 200


async def test_by_default_nobody_is_told(start: Start) -> None:
    client = await start()
    for headers in ({}, AS_TEXT):
        assert HEADER not in (await client.tts({"text": TEXT}, headers=headers))[1]


@pytest.mark.parametrize("form", ORCA_FORMATS)
async def test_who_asks_is_told_in_that_form(start: Start, form: str) -> None:
    client = await start(load_reports="requested")
    status, headers, _ = await client.tts({"text": TEXT}, headers={FORMAT_HEADER: form.lower()})
    assert status == 200
    assert headers[HEADER].startswith(f"{form} ")
    for other in ({}, {FORMAT_HEADER: "XML"}):
        assert HEADER not in (await client.tts({"text": TEXT}, headers=other))[1]


async def test_the_figures_are_those_of_the_metrics(start: Start) -> None:
    provider = LoadedProvider(rate=100.0)
    client = await start(provider, load_reports="always", max_in_flight=3)
    tasks = await held(client, provider, [TEXT, TEXT, TEXT])
    status, headers, _ = await client.tts({"text": TEXT})  # a refusal is reported too
    assert status == 429
    report = read_text(headers[HEADER])
    text = await client.prometheus()
    named = {name: value for name, value in report.items() if name.startswith("named_metrics.")}
    assert len(named) == 4
    assert named["named_metrics.requests_in_flight"] == 3
    for name, value in named.items():
        assert samples(text, f"tts_{name.removeprefix('named_metrics.')}") == [pytest.approx(value, rel=0.001)], name
    assert samples(text, "tts_queue_depth") == [2]
    assert report["named_metrics.forecast_wait_seconds"] > 0
    assert report["application_utilization"] > 0
    assert 0 <= report["cpu_utilization"] <= 1
    await finish(provider, tasks)


async def test_a_whole_answer_has_its_cost(start: Start) -> None:
    client = await start(LoadedProvider(rate=100.0), load_reports="requested", cache_bytes=10_000_000)
    reports = []
    for _ in range(2):
        _, headers, audio = await client.tts({"text": TEXT}, headers={FORMAT_HEADER: "JSON"})
        reports.append(in_json(headers[HEADER])["request_cost"])
    seconds = (len(audio) - 44) / 2 / 22050
    made, cached = reports
    assert made["audio_seconds"] == cached["audio_seconds"] == pytest.approx(seconds, abs=0.01)
    assert made["work_seconds"] >= 0.9 * seconds / 100
    assert cached["work_seconds"] < made["work_seconds"]


async def stream(client: Client, *headers: str) -> tuple[list[str], list[str]]:
    """Requests a stream; returns the lines of its head, and those after its last chunk. The connection stays usable."""
    raw = await RawClient.connect(client.url)
    await raw.send(speech(TEXT, *headers, stream=True))
    head, body, trailers = await raw.chunked()
    assert body[:4] == b"RIFF"
    await raw.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await raw.answer()).body == b'{"status": "ok"}'
    raw.reset()
    return head, trailers


async def test_a_stream_ends_with_a_trailer_for_who_takes_it(start: Start) -> None:
    client = await start(LoadedProvider(rate=100.0), load_reports="always")
    head, [trailer] = await stream(client, "TE: deflate, trailers", f"{FORMAT_HEADER}: JSON")
    assert f"Trailer: {HEADER}" in head
    [header] = [line for line in head if line.startswith(f"{HEADER}: ")]
    first, last = (in_json(line.removeprefix(f"{HEADER}: ")) for line in (header, trailer))
    assert 0 < first["request_cost"]["audio_seconds"] < last["request_cost"]["audio_seconds"]
    assert last["named_metrics"].keys() == first["named_metrics"].keys()


@pytest.mark.parametrize(("mode", "te"), [("always", "gzip"), ("off", "trailers")])
async def test_other_streams_have_none(start: Start, mode: str, te: str) -> None:
    head, trailers = await stream(await start(load_reports=mode), f"TE: {te}", f"{FORMAT_HEADER}: JSON")
    assert any(line.startswith(HEADER) for line in head) is (mode == "always")
    assert not any(line.startswith("Trailer") for line in head)
    assert trailers == []


async def test_aiohttp_reads_a_stream_with_a_trailer(start: Start) -> None:
    client = await start(load_reports="always")
    _, _, plain = await client.tts({"text": TEXT, "stream": True})
    _, headers, audio = await client.tts({"text": TEXT, "stream": True}, headers={"TE": "trailers"})
    assert headers["Trailer"] == HEADER
    assert audio == plain


async def test_with_keys_only_observers_and_trusted_proxies_are_told(start: Start, tmp_path: Path) -> None:
    speaks, observes = create(tmp_path, "speaks", ["speak"]), create(tmp_path, "observes", ["speak", "observe"])
    client = await start(load_reports="always")
    told = {}
    for name, headers in (("nobody", {}), ("speaks", bearer(speaks)), ("observes", bearer(observes))):
        status, answer, _ = await client.tts({"text": TEXT}, headers=headers)
        told[name] = status, HEADER in answer
    assert told == {"nobody": (401, False), "speaks": (200, False), "observes": (200, True)}


async def test_a_trusted_proxy_is_told_whoever_it_asks_for(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "speaks", ["speak"])
    client = await start(load_reports="always", trusted_proxies="127.0.0.2")
    for address, reported in (("127.0.0.1", False), ("127.0.0.2", True)):
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(f"{client.url}/tts", json={"text": TEXT}, headers=bearer(key)) as response,
        ):
            assert response.status == 200
            assert (HEADER in response.headers) is reported


async def test_only_requests_for_speech_have_a_report(start: Start) -> None:
    client = await start(load_reports="always")
    async with client.session.get(f"{client.url}/health", headers=AS_TEXT) as response:
        assert HEADER not in response.headers


async def test_readiness_for_load_turns_before_requests_are_refused(start: Start) -> None:
    provider = LoadedProvider(rate=1.0)
    client = await start(provider, shed_seconds=2.0)
    assert await ready(client) == (200, 200, None)
    tasks = await held(client, provider, [TEXT])
    status, for_load, after = await ready(client)
    assert (status, for_load) == (200, 503)
    assert after is not None
    assert int(after) >= 1
    provider.rate = 100.0
    more = asyncio.create_task(client.tts({"text": TEXT}))  # still accepted
    await finish(provider, [*tasks, more])
    assert await ready(client) == (200, 200, None)


async def ready(client: Client) -> tuple[int, int, str | None]:
    """The statuses of both checks, and the Retry-After of the second."""
    async with (
        client.session.get(f"{client.url}/ready") as plain,
        client.session.get(f"{client.url}/ready/load") as for_load,
    ):
        body = await for_load.json()
        assert body.get("status") == "ready" or body["error"]["code"] == "overloaded"
        return plain.status, for_load.status, for_load.headers.get("Retry-After")


async def test_the_endpoint_picker_finds_its_gauges(start: Start) -> None:
    """It reads the path and the metrics that deploy/routing names, without an Accept header."""
    plugins = {plugin["type"]: plugin.get("parameters") for plugin in yaml.safe_load(PICKER.read_text())["plugins"]}
    [engine] = plugins["core-metrics-extractor"]["engineConfigs"]
    assert plugins["metrics-data-source"]["port"] == Settings().management_port
    provider = LoadedProvider(rate=100.0)
    client = await start(provider)
    tasks = await held(client, provider, [TEXT, TEXT])
    url = f"{client.service.management_url}{plugins['metrics-data-source']['path']}"
    async with client.session.get(url, skip_auto_headers=["Accept"]) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
    for spec, value in (("queuedRequestsSpec", 2 * SECONDS), ("runningRequestsSpec", 2)):
        family = families[engine[spec]]
        assert family.type == "gauge"
        assert [sample.value for sample in family.samples] == [pytest.approx(value)]
    await finish(provider, tasks)
