"""POST /v1/telemetry/playback: what a player may report, of which request, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from otel.contract.playback_fields import PlaybackField
from server.access.caller import Scope
from tests.api_keys import bearer, create
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples

PATH = "/v1/telemetry/playback"
TRACE, CLICK = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{CLICK}-01"}
TEXT = "Hello there. How are you?"
GOOD = {
    "end": "finished",
    "request_seconds": 0.001,
    "first_byte_seconds": 0.02,
    "first_sound_seconds": 0.03,
    "end_seconds": 0.04,
    "position_seconds": 1.5,
}

REFUSALS: list[tuple[dict[str, Any], str | None]] = [
    ({"voice_name": "joe"}, None),
    ({"request_id": "x"}, "request_id"),
    ({"end": "bored"}, "end"),
    ({"end_seconds": "1"}, "end_seconds"),
    ({"end_seconds": True}, "end_seconds"),
    ({"end_seconds": None}, "end_seconds"),
    ({"end_seconds": 7201}, "end_seconds"),
    ({"end_seconds": 60}, "end_seconds"),
    ({"first_sound_seconds": float("nan")}, "first_sound_seconds"),
    ({"first_byte_seconds": float("inf")}, "first_byte_seconds"),
    ({"first_byte_seconds": -1}, "first_byte_seconds"),
    ({"first_byte_seconds": None}, "first_byte_seconds"),
    ({"first_sound_seconds": 0.01}, "first_sound_seconds"),
    ({"first_sound_seconds": None}, "end"),
    ({"first_sound_seconds": None, "end": "stopped"}, "position_seconds"),
    ({"stalls": 1}, "stalls"),
    ({"stalls": 1.5}, "stalls"),
    ({"stall_seconds": 0.001}, "stalls"),
    ({"stall_seconds": 1}, "stall_seconds"),
    ({"position_seconds": 30}, "position_seconds"),
    ({"click_span": 1}, "click_span"),
]
"""What is changed in a good report, and the field that its refusal names."""


async def report(client: Client, body: Any, **request: Any) -> tuple[int, Any]:
    """Sends a report; returns the status, and the error without its message."""
    async with client.session.post(f"{client.url}{PATH}", json=body, **request) as response:
        text = await response.text()
        error = json.loads(text)["error"] if text else None
        return response.status, error and (error["code"], error["param"])


async def spoken(client: Client, **request: Any) -> str:
    """Speaks; returns the identifier of the request."""
    status, headers, _ = await client.tts({"text": TEXT, "stream": True}, **request)
    assert status == 200
    return str(headers["X-Request-ID"])


async def test_a_report_becomes_metrics_of_the_requests_own_range_and_voice(start: Start) -> None:
    client = await start()
    assert await report(client, {"request_id": await spoken(client), **GOOD}) == (204, None)
    stalled = {
        **GOOD,
        "end": "stopped",
        "first_sound_seconds": 0.6,
        "end_seconds": 0.8,
        "stalls": 2,
        "stall_seconds": 0.1,
    }
    assert await report(client, {"request_id": await spoken(client), **stalled}) == (204, None)
    text = await client.prometheus()
    assert samples(text, "tts_playbacks_total", rating="good", voice_name="joe") == [1]
    assert samples(text, "tts_playbacks_total", rating="late_gaps", voice_name="joe") == [1]
    labels = {"word_count_range": "1-10", "char_count_range": "1-50", "voice_name": "joe"}
    assert samples(text, "tts_playback_first_sound_seconds_count", **labels) == [2]
    assert samples(text, "tts_playback_first_sound_seconds_bucket", **labels, le="0.5") == [1]
    assert samples(text, "tts_playback_stall_seconds_sum", **labels) == [0.1]
    assert samples(text, "tts_playback_stalls_total", **labels) == [2]
    assert samples(text, "tts_playback_share_count", end="stopped", voice_name="joe") == [1]


async def test_a_playback_is_reported_once_and_has_an_event(start: Start, tmp_path: Path) -> None:
    client = await start()
    identifier = await spoken(client)
    assert await report(client, {"request_id": identifier, **GOOD}) == (204, None)
    assert await report(client, {"request_id": identifier, **GOOD}) == (404, ("unknown_request", None))
    await client.service.stop()
    lines = (tmp_path / "events" / "requests.jsonl").read_text().splitlines()
    records = [record for line in lines for each in json.loads(line)["resourceLogs"] for record in logs(each)]
    assert [record["eventName"] for record in records] == ["tts.request", "tts.playback"]
    fields = {each["key"]: each["value"] for each in records[1]["attributes"]}
    assert fields.keys() == {*PlaybackField}
    assert fields["tts.request_id"] == {"stringValue": identifier}
    assert fields["tts.playback.rating"] == {"stringValue": "good"}
    assert records[0]["traceId"] == records[1]["traceId"]


def logs(resource: dict[str, Any]) -> list[dict[str, Any]]:
    return [record for scope in resource["scopeLogs"] for record in scope["logRecords"]]


async def trace(client: Client, identifier: str) -> dict[str, dict[str, Any]]:
    """The spans of a request's trace, by name."""
    return {span["name"]: span for span in (await client.json(f"/traces/{identifier}"))["spans"]}


async def test_the_trace_begins_with_the_click_and_ends_with_the_playback(start: Start) -> None:
    client = await start()
    identifier = await spoken(client, headers=TRACEPARENT)
    assert await report(client, {"request_id": identifier, **GOOD, "click_span": True}) == (204, None)
    spans = await trace(client, identifier)
    click, server, playback = spans["listen"], spans["POST /tts"], spans["playback"]
    assert (click["span_id"], click["parent_span_id"], click["kind"]) == (CLICK, None, "CLIENT")
    assert server["parent_span_id"] == playback["parent_span_id"] == CLICK
    assert click["start_unix_nano"] < server["start_unix_nano"]
    assert click["end_unix_nano"] == playback["end_unix_nano"] >= max(span["end_unix_nano"] for span in spans.values())
    assert playback["start_unix_nano"] - click["start_unix_nano"] == pytest.approx(0.03e9, abs=2)
    assert (await client.json(f"/traces/{TRACE}"))["spans"]
    openmetrics = await client.prometheus("application/openmetrics-text")
    exemplars = [
        line for line in openmetrics.splitlines() if line.startswith("tts_playback_first_sound") and "# {" in line
    ]
    assert all(TRACE in line and playback["span_id"] in line for line in exemplars)
    assert exemplars


async def test_a_playback_belongs_to_the_request_where_another_program_has_made_the_caller_s_span(start: Start) -> None:
    client = await start()
    for headers in ({}, TRACEPARENT):
        identifier = await spoken(client, headers=headers)
        assert await report(client, {"request_id": identifier, **GOOD, "click_span": not headers}) == (204, None)
        spans = await trace(client, identifier)
        assert spans["playback"]["parent_span_id"] == spans["POST /tts"]["span_id"]
        assert "listen" not in spans


async def test_what_can_t_be_is_refused_by_name(start: Start) -> None:
    client = await start()
    body = {"request_id": await spoken(client), **GOOD}
    for change, field in REFUSALS:
        assert await report(client, {**body, **change}) == (422, ("invalid_request", field)), change
    assert await report(client, {**body, "end": "x" * 5000}) == (413, ("body_too_large", None))
    assert await report(client, body) == (204, None)
    assert samples(await client.prometheus(), "tts_playback_share_count") == [1]


async def test_only_the_key_of_the_request_reports_its_playback(start: Start, tmp_path: Path) -> None:
    mine, another = ({"headers": bearer(create(tmp_path, name))} for name in ("mine", "another"))
    nobody = {"headers": bearer(create(tmp_path, "observer", [Scope.OBSERVE]))}
    client = await start()
    body = {"request_id": await spoken(client, **mine), **GOOD}
    assert (await report(client, body))[0] == 401
    assert (await report(client, body, **nobody))[0] == 403
    assert await report(client, body, **another) == (404, ("unknown_request", None))
    assert await report(client, body, **mine) == (204, None)


async def test_a_report_counts_for_the_limits_of_its_client(start: Start, tmp_path: Path) -> None:
    key = {"headers": bearer(create(tmp_path, "mine"))}
    client = await start(requests_per_minute=2)
    body = {"request_id": await spoken(client, **key), **GOOD}
    assert await report(client, body, **key) == (204, None)
    assert (await report(client, body, **key))[0] == 429


async def test_a_listener_who_stops_can_report_before_the_request_has_ended(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    response = await client.session.post(f"{client.url}/tts", json={"text": TEXT, "stream": True, "cache": False})
    identifier = response.headers["X-Request-ID"]
    await response.content.readany()
    provider.gate.clear()
    stopped = {**GOOD, "request_id": identifier, "end": "stopped", "position_seconds": 0.1}
    reporting = asyncio.create_task(report(client, stopped))
    response.close()
    assert await reporting == (204, None)
    provider.gate.set()


async def test_requests_without_audio_have_no_playback(start: Start) -> None:
    client = await start()
    _, refused, _ = await client.tts({"text": ""})
    _, dry, _ = await client.tts({"text": TEXT, "dry_run": True})
    for headers in (refused, dry):
        assert (await report(client, {"request_id": headers["X-Request-ID"], **GOOD}))[0] == 404
