"""Pages of other origins in a real browser: what they reach, what they read, and what they are refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from server.settings import Settings
from tests.certificates import Authority
from tests.http_calls import fetch
from tests.humming_provider import HummingProvider
from tests.nginx_server import Nginx
from tests.service_client import samples
from tests.stack import eventually
from tests.threaded_service import threaded_service

CALL = """async ([url, options]) => {
    try {
        const response = await fetch(url, options);
        const headers = Object.fromEntries(response.headers);
        return {status: response.status, type: response.type, headers, text: await response.text()};
    } catch (error) { return {error: error.name}; }
}"""
LOADS = """([name, attributes]) => new Promise((resolve) => {
    const element = Object.assign(document.createElement(name), attributes);
    for (const event of ["load", "loadeddata", "error"]) element.addEventListener(event, () => resolve(event));
    document.body.append(element);
})"""
SPEECH = {
    "method": "POST",
    "headers": {"Content-Type": "application/json", "Authorization": "Bearer none"},
    "body": '{"text": "Hello there."}',
}


class EmptyPage(BaseHTTPRequestHandler):
    """A web page of somebody else."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><link rel=icon href='data:,'><body>")

    def log_message(self, *_: Any) -> None: ...


@dataclass
class Site:
    """A running server, and the address of a page that it allows."""

    url: str
    allowed: str
    provider: HummingProvider

    @property
    def foreign(self) -> str:
        """The same page by another name: another site, for a browser."""
        return self.allowed.replace("127.0.0.1", "localhost")

    def requests(self, **labels: str) -> float:
        return sum(samples(fetch(f"{self.url}/prometheus").decode(), "tts_requests_total", **labels))


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of a page that another program serves."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def site(elsewhere: str, tmp_path: Path) -> Iterator[Site]:
    provider = HummingProvider()
    settings = Settings(port=0, management_port=0, data_dir=tmp_path, cache_bytes=0, allowed_origins=(elsewhere,))
    with threaded_service(settings, [provider]) as url:
        yield Site(url, elsewhere, provider)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_an_allowed_page_speaks_and_reads_our_headers_of_errors_too(page: Page, site: Site) -> None:
    page.goto(site.allowed)
    spoken = page.evaluate(CALL, [f"{site.url}/tts", SPEECH])
    assert (spoken["status"], spoken["type"]) == (200, "cors")
    assert spoken["headers"].keys() >= {"x-request-id", "x-trace-id", "server-timing", "x-tts-provider", "x-tts-cache"}
    refused = page.evaluate(CALL, [f"{site.url}/v1/audio/speech", {**SPEECH, "body": "{}"}])
    assert (refused["status"], refused["type"]) == (422, "cors")
    assert "invalid_request" in refused["text"]
    assert refused["headers"].keys() >= {"x-request-id", "server-timing"}
    assert page.evaluate(CALL, [f"{site.url}/v1/models", {}])["status"] == 200
    audio = {"crossOrigin": "anonymous", "src": f"{site.url}/api/tts?text=Hello+there."}
    assert page.evaluate(LOADS, ["audio", audio]) == "loadeddata"
    assert site.requests(method="OPTIONS") == 0
    assert site.requests() == 3


def test_a_page_of_another_origin_reads_nothing_and_makes_nobody_speak(page: Page, site: Site) -> None:
    page.goto(site.foreign)
    assert page.evaluate(CALL, [f"{site.url}/tts", SPEECH]) == {"error": "TypeError"}
    assert site.requests(method="OPTIONS", outcome="rejected", status_code="403") == 1
    simple = {"method": "POST", "mode": "no-cors", "headers": {"Content-Type": "text/plain"}, "body": SPEECH["body"]}
    assert page.evaluate(CALL, [f"{site.url}/tts", simple])["type"] == "opaque"
    assert page.evaluate(CALL, [f"{site.url}/api/tts?text=hello", {"mode": "no-cors"}])["type"] == "opaque"
    for name, attributes in (
        ("img", {"src": f"{site.url}/api/tts?text=hello"}),
        ("audio", {"src": f"{site.url}/api/tts?text=hello"}),
        ("script", {"src": f"{site.url}/metrics"}),
        ("script", {"src": f"{site.url}/console/main.js"}),
    ):
        assert page.evaluate(LOADS, [name, attributes]) == "error"
    for path in ("/metrics", "/traces", "/v1/models", "/health", "/"):
        assert page.evaluate(CALL, [site.url + path, {}]) == {"error": "TypeError"}
    assert site.provider.listeners == []
    assert site.requests(outcome="rejected", status_code="403") == site.requests() == 5


def test_a_form_of_another_origin_is_refused(page: Page, site: Site) -> None:
    page.goto(site.foreign)
    with page.expect_navigation():
        page.evaluate(
            """(url) => {
                const form = Object.assign(document.createElement("form"), {method: "post", action: url});
                form.append(Object.assign(document.createElement("input"), {name: "text", value: "hello"}));
                document.body.append(form);
                form.submit();
            }""",
            f"{site.url}/api/tts",
        )
    assert "origin_not_allowed" in page.content()
    assert site.provider.listeners == []
    assert site.requests(outcome="rejected", status_code="403") == 1


def test_another_port_of_the_same_host_is_another_origin(page: Page, site: Site) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        page.goto(f"http://127.0.0.1:{server.server_port}")
        assert page.evaluate(CALL, [f"{site.url}/tts", SPEECH]) == {"error": "TypeError"}
        assert page.evaluate(LOADS, ["img", {"src": f"{site.url}/api/tts?text=hello"}]) == "error"
        server.shutdown()
        thread.join()
    assert site.provider.listeners == []


def test_a_link_opens_the_servers_page_and_nothing_else(page: Page, site: Site) -> None:
    for path, opens in (("/", True), ("/docs", True), ("/traces", False)):
        page.goto(site.foreign)
        page.evaluate("(url) => { document.body.innerHTML = `<a href='${url}'>here</a>`; }", site.url + path)
        with page.expect_navigation() as navigation:
            page.get_by_role("link").click()
        response = navigation.value
        assert response is not None
        assert response.status == (200 if opens else 403)
    page.goto(f"{site.url}/")
    page.get_by_role("button", name="Speak").click()
    expect(page.locator("#status")).to_have_text("200 OK")
    assert len(site.provider.listeners) == 1


def test_the_servers_page_works_behind_a_proxy_with_another_scheme_and_port(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    Authority(tmp_path / "authority.pem").issue(certificate, key)
    nginx = Nginx(tmp_path, site.url, certificate, key)
    try:
        assert eventually(nginx.accepts), nginx.log
        context = browser.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.goto(nginx.url)
        page.get_by_role("button", name="Speak").click()
        expect(page.locator("#status")).to_have_text("200 OK")
        assert len(site.provider.listeners) == 1
        context.close()
    finally:
        nginx.stop()
