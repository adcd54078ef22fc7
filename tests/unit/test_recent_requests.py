"""The requests whose playback can be reported: how long, how many, and whose; and when the listener clicked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from opentelemetry.trace import INVALID_SPAN

from otel.contract.playback_values import PlaybackEnd, PlaybackRating
from otel.contract.values import Outcome
from server.access.caller import ANONYMOUS, Caller
from server.errors import UnknownRequest
from server.record import RequestRecord, Synthesis
from server.telemetry import recent_requests
from server.telemetry.playback_recorder import ClickTime, Playback
from server.telemetry.recent_requests import RETENTION_SECONDS, PlayableRequest, RecentRequests
from server.utterance import Utterance
from tests.fake_clock import Clock
from tests.humming_provider import JOE

PLAYBACK = Playback(
    end=PlaybackEnd.FINISHED,
    request_seconds=0.01,
    first_byte_seconds=0.21,
    first_sound_seconds=0.3,
    end_seconds=2.0,
    stalls=0,
    stall_seconds=0.0,
    position_seconds=1.7,
    click_span=True,
)


def record(request_id: str, caller: Caller = ANONYMOUS, *, audio: bool = True) -> RequestRecord:
    """A request that has ended."""
    ended = RequestRecord(request_id, endpoint="/tts", method="POST", caller=caller)
    if audio:
        ended.synthesis = Synthesis(Utterance("Hello.", JOE, "en", 1, 6))
        ended.mark_first_audio()
    ended.finish(Outcome.OK, 200)
    return ended


def remember(recent: RecentRequests, *records: RequestRecord) -> None:
    for each in records:
        recent.open(each)
        recent.close(each, INVALID_SPAN)


async def is_known(recent: RecentRequests, request_id: str, caller: Caller = ANONYMOUS) -> bool:
    try:
        return (await recent.find(request_id, caller)).request_id == request_id
    except UnknownRequest:
        return False


async def test_a_request_is_forgotten_after_its_time_and_after_its_report() -> None:
    clock = Clock()
    recent = RecentRequests(clock)
    remember(recent, record("a"), record("b"), record("silent", audio=False))
    assert [await is_known(recent, each) for each in ("a", "b", "silent", "c")] == [True, True, False, False]
    recent.forget(await recent.find("a", ANONYMOUS))
    assert not await is_known(recent, "a")
    clock.now += RETENTION_SECONDS
    assert not await is_known(recent, "b")


async def test_the_oldest_of_too_many_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_requests, "MOST_REQUESTS", 2)
    recent = RecentRequests()
    remember(recent, record("a"), record("b"), record("c"))
    assert [await is_known(recent, each) for each in "abc"] == [False, True, True]


async def test_nobody_takes_another_s_identifier() -> None:
    mine, other = Caller("mine", key_id="1"), Caller("other", key_id="2")
    recent = RecentRequests()
    first = record("a", mine)
    recent.open(first)
    remember(recent, record("a", other))
    recent.close(first, INVALID_SPAN)
    remember(recent, record("a", other))
    assert await is_known(recent, "a", mine)
    assert not await is_known(recent, "a", other)
    assert not await is_known(recent, "a", replace(mine, tenant="elsewhere"))


async def test_a_report_waits_for_the_end_of_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    recent, running = RecentRequests(), record("a")
    recent.open(running)
    finding = asyncio.create_task(recent.find("a", ANONYMOUS))
    await asyncio.sleep(0)
    assert not finding.done()
    recent.close(running, INVALID_SPAN)
    assert (await finding).request_id == "a"
    monkeypatch.setattr(recent_requests, "END_SECONDS", 0.0)
    recent.open(record("b"))
    with pytest.raises(UnknownRequest, match="has not ended"):
        await recent.find("b", ANONYMOUS)


def playable(first_audio_seconds: float = 0.05) -> PlayableRequest:
    context = INVALID_SPAN.get_span_context()
    return PlayableRequest(
        "a", ANONYMOUS, "joe", "1-10", "1-50", True, 2.0, 1_000_000_000_000, 0, first_audio_seconds, context, None, True
    )


@pytest.mark.parametrize("network", [0.0, 0.1, 0.15])
def test_the_click_lies_within_the_error_however_the_network_delays(network: float) -> None:
    """Of 150 ms on the network, any part may have been on the way to the server."""
    request = playable()
    arrived = PLAYBACK.request_seconds + network  # in seconds from the click
    click = ClickTime.of(request, PLAYBACK)
    true = request.began_unix - arrived * 1e9
    assert click.error_seconds == pytest.approx(0.075)
    assert abs(click.unix - true) / 1e9 <= 0.075 + 1e-9


def test_a_click_without_audio_has_an_unknown_error() -> None:
    silent = replace(PLAYBACK, first_byte_seconds=None, first_sound_seconds=None)
    assert ClickTime.of(playable(), silent) == ClickTime(1_000_000_000_000 - 10_000_000, None)


def test_a_player_that_is_faster_than_the_server_has_no_network() -> None:
    assert ClickTime.of(playable(9.0), PLAYBACK).error_seconds == 0


@pytest.mark.parametrize(
    ("change", "rating"),
    [
        ({}, PlaybackRating.GOOD),
        ({"first_sound_seconds": 0.5}, PlaybackRating.GOOD),
        ({"first_sound_seconds": 0.51}, PlaybackRating.LATE),
        ({"stalls": 1, "stall_seconds": 0.1}, PlaybackRating.GAPS),
        ({"stalls": 1, "stall_seconds": 0.1, "first_sound_seconds": 0.6}, PlaybackRating.LATE_GAPS),
        ({"end": PlaybackEnd.FAILED}, PlaybackRating.GAPS),
        ({"first_sound_seconds": None}, PlaybackRating.LATE),
        ({"first_sound_seconds": None, "end_seconds": 0.5}, PlaybackRating.NONE),
    ],
)
def test_a_playback_is_rated_by_what_the_listener_had(change: dict[str, object], rating: PlaybackRating) -> None:
    assert replace(PLAYBACK, **change).rating is rating  # type: ignore[arg-type]
