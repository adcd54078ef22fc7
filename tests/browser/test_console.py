"""The page at /, in a real browser: speaks, shows what happened, says why it was refused, fits a phone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 812}
SPEECH_MS = 60_000
"""Milliseconds that a sentence may take on a slow machine."""
REFUSALS = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""What the browser itself logs for every answer of that kind, expected ones too: a refusal, a trace not kept."""
STAGES = ["normalize", "queue", "phonemize", "infer", "decode", "encode", "send"]


@pytest.fixture
def page(browser: Browser, server_url: str) -> Iterator[Page]:
    """The page, loaded; at the end nothing may have gone wrong in it."""
    yield from opened(browser, server_url, DESKTOP)


@pytest.fixture
def phone(browser: Browser, server_url: str) -> Iterator[Page]:
    yield from opened(browser, server_url, PHONE)


def opened(browser: Browser, server_url: str, viewport: dict[str, int]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": viewport["width"], "height": viewport["height"]})
    page = context.new_page()
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not REFUSALS.match(message.text):
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server_url)
    expect(page.get_by_label("Voice")).not_to_be_empty()
    yield page
    context.close()
    assert errors == []


def speak(page: Page, text: str) -> None:
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Speak").click()
    expect(page.locator("#result-body")).to_be_visible(timeout=SPEECH_MS)
    expect(page.locator("#trace")).to_be_visible()


def screenshot(page: Page, name: str) -> None:
    """Keeps a picture in the folder that TTSCOPE_SCREENSHOTS names."""
    folder = os.environ.get("TTSCOPE_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_speaks_and_shows_what_happened(page: Page) -> None:
    speak(page, "(happy) Hello, this page speaks what it is told.")
    expect(page.locator("#status")).to_have_text("200 OK")
    expect(page.locator("#message")).to_contain_text("after the server's first byte")
    facts = page.locator("#facts")
    for name in ("First byte", "First sound", "Total", "Audio", "Real time factor"):
        expect(facts.locator("div", has=page.get_by_text(name, exact=True)).locator("dd")).to_have_text(
            re.compile(r"\d")
        )
    expect(facts.locator("div", has=page.get_by_text("Words", exact=True)).locator("dd")).to_have_text("1-10")
    expect(facts.locator("div", has=page.get_by_text("Characters", exact=True)).locator("dd")).to_have_text("1-50")
    shown = page.locator("#bars li span:first-child").all_text_contents()
    assert shown == [stage for stage in STAGES if stage in shown] + ["total"]
    assert "infer" in shown
    screenshot(page, "desktop")


def test_links_the_trace_or_says_that_it_was_not_kept(page: Page) -> None:
    speak(page, "Where did the time go?")
    identifier = page.locator("#facts .code").last.inner_text().split()[-1]
    assert re.fullmatch("[0-9a-f]{32}", identifier)
    link = page.get_by_role("link", name="Open the trace")
    if link.count():
        answer = page.request.get(str(page.evaluate("document.querySelector('#trace a').href")))
        assert answer.json()["trace_id"] == identifier
    else:
        expect(page.locator("#trace")).to_contain_text("was not kept")


def test_the_audio_can_be_downloaded(page: Page) -> None:
    speak(page, "Take me with you.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".wav")
    assert Path(download.value.path()).read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize("name", ["mp3", "opus", "flac"])
def test_a_format_can_be_chosen_and_played(page: Page, name: str) -> None:
    page.get_by_label("Format", exact=True).select_option(name)
    speak(page, "In another form.")
    page.wait_for_function("Number(document.querySelector('#position').max) > 0.5")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(f".{name}")


def test_markdown_can_be_chosen(page: Page) -> None:
    page.get_by_label("Written as", exact=True).select_option("Markdown")
    speak(page, "See [it](https://example.com/an-address-that-is-longer-than-fifty-characters).")
    facts = page.locator("#facts")
    expect(facts.locator("div", has=page.get_by_text("Characters", exact=True)).locator("dd")).to_have_text("1-50")


def test_shows_how_a_text_is_read(page: Page) -> None:
    page.get_by_label("Text", exact=True).fill("😀 (happy) In St. Louis it was -20°C.\n\nIt cost $5-10 million. (sad)")
    page.get_by_role("button", name="How is it read?").click()
    reading = page.locator("#reading")
    expect(reading.get_by_text("St.", exact=True)).to_have_attribute("title", re.compile(r"^Saint \(.+\)$"))
    assert reading.locator(".changed").all_text_contents() == ["St.", "-20°C.", "$5-10 million."]
    assert reading.locator(".skipped").all_text_contents() == ["(happy)", "(sad)"]
    expect(reading.get_by_text("-20°C.")).to_have_attribute("title", re.compile("^minus 20 degrees Celsius"))
    expect(reading.get_by_text("(sad)")).to_have_attribute("title", "not spoken: emotion tag")
    assert [line.strip() for line in reading.locator("p").all_text_contents()][:2] == [
        "😀 (happy) In St. Louis it was -20°C.",
        "It cost $5-10 million. (sad)",
    ]
    expect(page.locator("#counts")).to_have_text("10 words (1-10), 51 characters (51-100), about 6.6 s")
    expect(reading.locator(".hint")).to_contain_text("in 95 of 100 cases")
    screenshot(page, "reading")
    page.get_by_label("Text", exact=True).fill("Something else.")
    expect(reading.locator(".changed")).to_have_count(0)


def test_says_why_a_text_is_not_read(page: Page) -> None:
    page.get_by_label("Text", exact=True).fill("(happy)")
    page.get_by_role("button", name="How is it read?").click()
    expect(page.locator("#reading")).to_contain_text("nothing to speak")


def test_ssml_is_read_without_places(page: Page) -> None:
    page.get_by_label("Written as", exact=True).select_option("SSML")
    page.get_by_label("Text", exact=True).fill("<speak>It is <sub alias='two'>2</sub> &lt; $3.</speak>")
    page.get_by_role("button", name="How is it read?").click()
    expect(page.locator("#reading .changed").first).to_have_attribute("title", re.compile("^two"))
    expect(page.locator("#reading p").first).to_contain_text("It is 2 < $3.")


def test_the_description_is_a_page(page: Page) -> None:
    page.get_by_role("link", name="API").click()
    expect(page.get_by_role("heading", name="POST /v1/audio/speech")).to_be_visible()
    screenshot(page, "docs")


def test_control_and_enter_speak(page: Page) -> None:
    page.get_by_label("Text", exact=True).fill("Quick.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#status")).to_have_text("200 OK", timeout=SPEECH_MS)


def test_says_why_a_request_was_refused(page: Page) -> None:
    speak(page, "(happy)")
    expect(page.locator("#status")).to_have_text("422")
    expect(page.locator("#message")).to_contain_text("nothing to speak")
    expect(page.locator("#facts")).to_contain_text("nothing_to_speak")
    expect(page.locator("#player")).to_be_hidden()
    screenshot(page, "refused")


def test_what_the_server_says_is_text_and_never_markup(page: Page) -> None:
    message = "<img src=x onerror=alert(1)>"
    page.route("**/tts", lambda route: route.fulfill(status=422, json={"error": {"message": message, "code": "x"}}))
    page.get_by_role("button", name="Speak").click()
    expect(page.locator("#message")).to_have_text(message)
    assert page.locator("#result img").count() == 0


def test_the_live_strip_counts(page: Page) -> None:
    speak(page, "Count me.")
    expect(page.locator("#live-requests")).to_have_text(re.compile(r"[1-9]"))
    expect(page.locator("#live-voices")).to_have_text(re.compile(r"[1-9]"))


def test_says_so_when_metrics_are_off(browser: Browser, server_url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/metrics", lambda route: route.fulfill(status=404, json={}))
    page.goto(server_url)
    expect(page.locator("#live-note")).to_have_text("Metrics are switched off on this server.")
    expect(page.locator("#live")).to_be_hidden()
    context.close()


def test_fits_a_phone(phone: Page) -> None:
    speak(phone, "Hello from a telephone.")
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    screenshot(phone, "phone")


def test_is_dark_where_that_is_preferred(page: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light
    speak(page, "(calm) Good night.")
    screenshot(page, "dark")
