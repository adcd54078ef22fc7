"""The page at / in a real browser while it speaks: playback, its report, its words, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from server.settings import Settings
from tests.http_calls import fetch
from tests.service_client import samples
from tests.slow_link import PREFIX, SlowLink
from tests.stack import eventually
from tests.threaded_service import threaded_service
from tests.timed_humming_provider import TimedHummingProvider

LONG = "This is the first sentence of several ones. And this is the second one. Here comes the third sentence. " * 2
HEBREW = "שלום עולם. מה שלומך היום."
SLOW = 50_000
"""Bytes per second: five sixths of what speech needs in server-sent events."""
STOPS_AT_SENTENCE = 1


class Steps:
    """Stands for a provider's gate: it lets ``allowed`` sentences pass, and is set from another thread."""

    def __init__(self) -> None:
        self.allowed: float = float("inf")

    async def wait(self) -> None:
        while self.allowed < 1:
            await asyncio.sleep(0.01)
        self.allowed -= 1

    def set(self) -> None:
        self.allowed = float("inf")


@dataclass
class Site:
    """A server whose voice hums, and the link by which the browser reaches it."""

    url: str
    link: SlowLink
    steps: Steps

    def metric(self, name: str, **labels: str) -> float:
        return sum(samples(fetch(f"{self.url}/prometheus").decode(), name, **labels))

    def in_flight(self) -> int:
        return int(json.loads(fetch(f"{self.url}/metrics"))["requests_in_flight"])

    def trace(self, request_id: str) -> dict[str, dict[str, Any]]:
        """The spans of a request's trace by name; the newest of each name."""
        return {span["name"]: span for span in json.loads(fetch(f"{self.url}/traces/{request_id}"))["spans"]}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    provider, steps = TimedHummingProvider(), Steps()
    provider.gate = steps  # type: ignore[assignment]
    folder = tmp_path_factory.mktemp("speaking")
    settings = Settings(port=0, management_port=0, data_dir=folder, cache_bytes=0, traces_per_second=1000)
    with threaded_service(settings, [provider]) as url:
        link = SlowLink(url)
        yield Site(url, link, steps)
        link.close()


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """The site, in order again after the test."""
    yield running
    running.link.rate = None
    running.steps.set()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """The page behind a path prefix; nothing may go wrong in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{site.link.url}{PREFIX}/")
    expect(page.get_by_label("Voice")).not_to_be_empty()
    yield page
    context.close()
    assert errors == []


def speak(page: Page, text: str) -> None:
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Speak", exact=True).click()


def fact(page: Page, name: str) -> str:
    row = page.locator("#facts div", has=page.get_by_text(name, exact=True)).locator("dd")
    expect(row).to_have_text(re.compile(r"\S"))
    return row.inner_text()


def test_it_sounds_while_the_server_still_speaks(page: Page, site: Site) -> None:
    site.steps.allowed = STOPS_AT_SENTENCE
    speak(page, LONG)
    expect(page.locator("#message")).to_contain_text("after the server's first byte")
    expect(page.locator("#busy")).to_have_text("Waiting for more audio…")  # it has played what there is
    assert site.in_flight() == 1
    site.steps.set()
    expect(page.locator("#busy")).to_have_text("Speaking…")
    expect(page.locator("#facts")).to_contain_text("Total")
    assert fact(page, "Stalls").startswith("1, ")
    page.keyboard.press("Escape")
    expect(page.locator("#status")).to_have_text("stopped")


def test_a_slow_network_is_seen_in_metrics_and_trace_though_the_server_was_in_time(page: Page, site: Site) -> None:
    gaps = {rating: site.metric("tts_playbacks_total", rating=rating) for rating in ("gaps", "late_gaps")}
    underrun = site.metric("tts_stream_underrun_seconds_sum")
    stall = site.metric("tts_playback_stall_seconds_sum", word_count_range="11-25", char_count_range="51-100")
    site.link.rate = SLOW
    speak(page, "It is a slow net, so now we sit and wait for it to come.")
    expect(page.locator("#busy")).to_have_text("Waiting for more audio…")
    expect(page.locator("#toggle")).to_have_text("Play", timeout=60_000)
    site.link.rate = None
    assert eventually(lambda: any(site.metric("tts_playbacks_total", rating=each) > gaps[each] for each in gaps))
    labels = {"word_count_range": "11-25", "char_count_range": "51-100", "voice_name": "joe"}
    assert site.metric("tts_playback_stall_seconds_sum", **labels) > stall
    assert site.metric("tts_stream_underrun_seconds_sum") == underrun
    spans = site.trace(fact(page, "Request"))
    click, playback = spans["listen"], spans["playback"]
    assert click["parent_span_id"] is None
    assert spans["POST /tts"]["parent_span_id"] == playback["parent_span_id"] == click["span_id"]
    assert click["start_unix_nano"] <= min(span["start_unix_nano"] for span in spans.values())
    assert click["end_unix_nano"] == max(span["end_unix_nano"] for span in spans.values())
    assert playback["attributes"]["tts.playback.end"] == "finished"
    assert playback["attributes"]["tts.playback.stall"] > 0


def test_a_server_that_is_lost_in_mid_stream(page: Page, site: Site) -> None:
    failed = site.metric("tts_playback_share_count", end="failed")
    site.steps.allowed = STOPS_AT_SENTENCE
    speak(page, LONG)
    expect(page.locator("#busy")).to_have_text("Waiting for more audio…")
    site.link.cut()
    expect(page.locator("#status")).to_have_text("failed")
    expect(page.locator("#message")).to_contain_text("broke off after")
    site.steps.set()
    assert eventually(lambda: site.metric("tts_playback_share_count", end="failed") == failed + 1)
    speak(page, "It is back.")
    expect(page.locator("#status")).to_have_text("200 OK")


def test_stopping_frees_the_server_and_is_reported(page: Page, site: Site) -> None:
    stopped = site.metric("tts_playback_share_count", end="stopped")
    site.steps.allowed = STOPS_AT_SENTENCE
    speak(page, LONG)
    expect(page.locator("#message")).to_contain_text("First sound")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#message")).to_contain_text("You stopped it after")
    site.steps.allowed = 2  # the server notices with the next audio that nobody takes it
    assert eventually(lambda: site.in_flight() == 0)
    assert eventually(lambda: site.metric("tts_playback_share_count", end="stopped") == stopped + 1)


def test_it_plays_without_an_audio_thread_where_the_browser_has_none(page: Page, site: Site) -> None:
    finished = site.metric("tts_playback_share_count", end="finished")
    page.add_init_script("delete BaseAudioContext.prototype.audioWorklet")
    page.reload()
    site.steps.allowed = STOPS_AT_SENTENCE
    speak(page, "This is the first one. And another.")
    expect(page.locator("#busy")).to_have_text("Waiting for more audio…")
    site.steps.set()
    expect(page.locator("#toggle")).to_have_text("Play")
    assert fact(page, "Stalls").startswith("1, ")
    assert eventually(lambda: site.metric("tts_playback_share_count", end="finished") == finished + 1)
    page.locator("#words span", has_text="another").click()
    expect(page.locator("#busy")).to_have_text("Speaking…")
    expect(page.locator("#words .current")).to_have_text("another.")
    expect(page.locator("#toggle")).to_have_text("Play")


def test_words_are_followed_and_a_click_goes_to_each(page: Page, site: Site) -> None:
    words = ["".join(letters) for letters in product("bdfgklm", "aeiou", "nrst", "aeo")][:300]
    sentences = (" ".join(words[start : start + 10]) for start in range(0, 300, 10))
    speak(page, "(happy) " + "".join(f"{sentence}. " for sentence in sentences))
    expect(page.locator("#words span")).to_have_count(300)
    expect(page.locator("#words .current")).to_have_count(1)
    assert page.locator("#words").inner_text().startswith(f"(happy) {words[0]} {words[1]}")
    page.locator("#words span", has_text=re.compile(f"^{words[290]}$")).click()
    expect(page.locator("#words .current")).to_have_text(re.compile("|".join(words[290:])))
    expect(page.locator("#words .spoken").nth(280)).to_be_visible()
    page.get_by_label("Position").focus()
    page.keyboard.press("Home")
    expect(page.locator("#words .current")).to_have_text(re.compile("|".join(words[:10])))
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#busy")).to_have_text("Paused.")
    position = page.locator("#time").inner_text()
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator("#time")).not_to_have_text(position)
    page.keyboard.press("Escape")


def test_any_script_is_text(page: Page) -> None:
    voice = "<script>document.title='y'</script>"
    voices = [{"id": "joe", "languages": ["en"]}, {"id": voice, "languages": [voice]}]
    page.route("**/v1/audio/voices", lambda route: route.fulfill(json={"voices": voices}))
    page.reload()
    expect(page.get_by_label("Voice").locator("option")).to_have_text(["joe", voice])
    for text in (HEBREW, "今日は良い天気です。", "<script>document.title='x'</script>"):
        speak(page, text)
        expect(page.locator("#words")).to_contain_text(text.split(".")[0])
        assert page.evaluate("document.querySelector('#words').matches(':dir(rtl)')") == (text == HEBREW)
        expect(page.locator("#history-list .said").first).to_have_text(text)
    page.get_by_label("Voice").select_option(voice)
    page.get_by_role("button", name="Speak", exact=True).click()
    expect(page.locator("#status")).to_have_text("404")
    assert page.title() == "ttscope"


def test_the_session_can_be_heard_again(page: Page, site: Site) -> None:
    speak(page, "The first one.")
    expect(page.locator("#history-list li")).to_have_count(1)
    speak(page, "The second one.")
    expect(page.locator("#history-list li")).to_have_count(2)
    requests = site.metric("tts_requests_total")
    page.get_by_role("button", name="Play again: The first one.").click()
    expect(page.locator("#words")).to_have_text("The first one.")
    expect(page.locator("#busy")).to_have_text("Speaking…")
    expect(page.locator("#toggle")).to_have_text("Play")
    assert site.metric("tts_requests_total") == requests
    page.get_by_role("button", name="Use its text: The first one.").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("The first one.")


def test_words_and_characters_are_counted_while_typing(page: Page) -> None:
    page.get_by_label("Text", exact=True).fill("(happy) It is -20°C.")
    expect(page.locator("#counts")).to_contain_text("3 words (1-10), 12 characters (1-50)")
    page.get_by_role("button", name="How is it read?").click()
    expect(page.locator("#reading .skipped")).to_have_text("(happy)")
    changed = page.locator("#reading .changed")
    expect(changed).to_have_attribute("title", re.compile(r"^minus 20 degrees Celsius\. \(.+\)$"))
    page.get_by_label("Text", exact=True).fill("It is 5 km.")
    expect(changed).to_have_attribute("title", re.compile("^5 kilometers"))


def test_it_is_accessible(page: Page, javascript: Path) -> None:
    speak(page, "A short one. And another.")
    page.get_by_role("button", name="How is it read?").click()
    expect(page.locator("#history-list li")).to_have_count(1)
    expect(page.locator("#reading .hint")).to_be_visible()
    page.evaluate((javascript / "node_modules" / "axe-core" / "axe.min.js").read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = page.evaluate("axe.run()")["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
