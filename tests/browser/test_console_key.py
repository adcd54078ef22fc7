"""The page at / of a server with keys: it asks for one, keeps it in the tab, and puts it into no URL."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from server.access.caller import Scope
from tests.api_keys import create, unknown
from tests.server_process import LiveServer


@pytest.fixture(scope="module")
def server(voices_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, str]]:
    """A server with keys, and one of them."""
    folder = tmp_path_factory.mktemp("keyed")
    shutil.copytree(voices_folder, folder / "voices", copy_function=shutil.copy)
    key = create(folder, "page", [Scope.SPEAK, Scope.OBSERVE])
    with LiveServer(folder) as server:
        yield server.wait_until_ready(), key
        assert server.stop() == 0


def enter(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use it").click()


def test_a_key_is_asked_for_and_stays_in_the_tab(browser: Browser, server: tuple[LiveServer, str]) -> None:
    live, key = server
    context = browser.new_context()
    page = context.new_page()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(live.url)
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.locator("#live-note")).to_have_text("The metrics need a key with the scope observe.")
    enter(page, unknown())
    expect(page.locator("#key-hint")).to_have_text("this API key was not issued by this server")
    enter(page, key)
    expect(page.get_by_label("Voice")).not_to_be_empty()
    expect(page.locator("#live")).to_be_visible()
    page.get_by_label("Text", exact=True).fill("With a key.")
    page.get_by_role("button", name="Speak").click()
    expect(page.locator("#status")).to_have_text("200 OK", timeout=60_000)
    with context.expect_page() as opened:
        page.get_by_role("link", name="Metrics").click()
    opened.value.wait_for_url(re.compile("^blob:"))
    expect(opened.value.locator("body")).to_contain_text("total_requests")
    assert page.evaluate("Object.values(sessionStorage)") == [key]
    assert page.evaluate("Object.values(localStorage)") == []
    assert page.evaluate("document.cookie") == ""
    page.reload()
    expect(page.get_by_label("Voice")).not_to_be_empty()
    other = context.new_page()
    other.goto(live.url)
    expect(other.get_by_label("API key")).to_be_visible()
    assert not [url for url in urls if key[8:] in url]
    context.close()


def test_a_key_that_was_entered_is_used_without_its_button(browser: Browser, server: tuple[LiveServer, str]) -> None:
    live, key = server
    page = browser.new_context().new_page()
    page.goto(live.url)
    page.get_by_label("API key").fill(key)
    page.get_by_label("Text", exact=True).fill("With a key that was only entered.")
    page.get_by_role("button", name="Speak").click()
    expect(page.locator("#status")).to_have_text("200 OK", timeout=60_000)
    expect(page.get_by_label("API key")).to_be_empty()
