"""The live dashboard in a real browser, on the real pipeline, after real traffic."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.capacity_file import write as write_forecast
from dashboards.live.charts.overlay import EVENT_SIGN
from dashboards.live.screens.overview import OVERVIEW
from dashboards.live.site import BOARD_PAGES, path_of
from dashboards.live.sources.drift_reports import CAPACITY as CAPACITY_FILE
from otel.contract.drift_verdict import VerdictState
from otel.trace_store.store import DURATION, above
from tests.drift_job import HOUR, START
from tests.drift_pages import write_pages
from tests.integration.test_otlp import speak
from tests.integration.test_stack import FAST_EXPORT, LONG, SLOWLY
from tests.range_rates import without_rate
from tests.server_process import ROOT, LiveServer
from tests.stack import Stack, eventually, fetch, free_ports, running_stack
from tests.unit.drift.test_page import LATENCY, verdict
from tests.unit.live.test_capacity import LOST

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

DESKTOP = {"width": 1440, "height": 1000}
PHONE = {"width": 390, "height": 844}
DRAWN_MS = 60_000
BOARDS = {"" if board is OVERVIEW else path_of(board): board.title for board in BOARD_PAGES}
HARMLESS = re.compile(r"Failed to load resource: .* status of 404|.*violates .*Content Security Policy", re.DOTALL)
"""Streamlit's page looks below each page's path for its server before it looks at the root; and a script in a page of
the drift job is refused."""
PRICED = {"TTSCOPE_PRICES_FILE": str(ROOT / "deploy" / "prices.toml")}
QUIET = "Quality and drift"
"""May have nothing to draw: no clip was faulty, none slow, and the drift job does not run here."""
FITS = "most => [...document.querySelectorAll('.js-plotly-plot')].every(({offsetWidth: w}) => 200 < w && w <= most)"
ALERT, BUILD = "TtsOneMore", "<b>a build</b>"
SIGNS = "[...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.layout.annotations ?? [])"
HOSTILE = "<script>parent.document.title = 'taken'</script>"


@dataclass
class Dashboard:
    """The process, and what a browser must not see from it."""

    url: str
    process: subprocess.Popen[bytes]
    outside: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With one alert more, which fires from the begin on."""
    folder = tmp_path_factory.mktemp("stack")
    rules = shutil.copytree(ROOT / "alerting" / "rules", folder / "rules")
    rule = {"alert": ALERT, "expr": "vector(1)", "labels": {"severity": "warning"}}
    (rules / "one-more.yml").write_text(
        json.dumps({"groups": [{"name": "one more", "interval": "1s", "rules": [rule]}]})
    )
    with running_stack(folder, rules_dir=rules) as stack:
        yield stack


@pytest.fixture(scope="module")
def speaking(stack: Stack, data_dir: Path) -> Iterator[LiveServer]:
    """A server that exports to the stack, after traffic of all kinds."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.endpoint, "TTSCOPE_BUILD": BUILD, **FAST_EXPORT, **PRICED}
    with LiveServer(data_dir, **environment) as server:
        server.wait_until_ready()
        send_traffic(server, seed=1)
        counted = json.loads(fetch(f"{server.url}/metrics"))["total_requests"]
        assert eventually(lambda: stack.value("sum(tts_requests_total)") >= counted)
        send_traffic(server, seed=2)  # a series that is new has no rate yet
        assert eventually(lambda: not without_rate(stack)), without_rate(stack)
        yield server


def send_traffic(server: LiveServer, seed: int) -> None:
    command = [sys.executable, "-m", "bench.traffic", "--iterations", "1", "--seed", str(seed), "--url", server.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout.decode()[-2000:]


@contextmanager
def running_dashboard(stack: Stack, server: LiveServer, folder: Path) -> Iterator[Dashboard]:
    port = free_ports(["port"])["port"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TTSCOPE_", "OTEL_"))}
    environment = {
        "DASHBOARD_PORT": str(port),
        "TTSCOPE_DASHBOARD_PROMETHEUS_URL": stack.settings.url(stack.settings.prometheus_port),
        f"TTSCOPE_DASHBOARD_{stack.trace_store.upper()}_URL": stack.settings.trace_store_url,
        "TTSCOPE_DASHBOARD_SERVER_URL": server.url,
        "TTSCOPE_DASHBOARD_DRIFT_DIR": str(folder),
        "TTSCOPE_DASHBOARD_REFRESH_SECONDS": "2",
    }
    command = [sys.executable, "-m", "dashboards", "live"]
    process = subprocess.Popen(command, cwd=ROOT, env={**inherited, **environment})
    try:
        url = f"http://127.0.0.1:{port}"
        assert eventually(lambda: answers(f"{url}/_stcore/health"))
        yield Dashboard(url, process)
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def drift_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two windows, the last one with a page that would do harm, and a forecast of the servers that are needed."""
    folder = tmp_path_factory.mktemp("drift") / "state"
    drifted = replace(verdict(VerdictState.DRIFT, LATENCY), start=START + HOUR, end=START + 2 * HOUR)
    names = write_pages(folder, [verdict(VerdictState.STABLE), drifted], HOUR)
    page = folder / "windows" / names[-1] / "index.html"
    page.write_text(HOSTILE + page.read_text())
    write_forecast(LOST, folder / CAPACITY_FILE)
    return folder


@pytest.fixture(scope="module")
def dashboard(stack: Stack, speaking: LiveServer, drift_folder: Path) -> Iterator[Dashboard]:
    with running_dashboard(stack, speaking, drift_folder) as dashboard:
        yield dashboard
        assert dashboard.outside == []
        assert dashboard.process.poll() is None


@contextmanager
def opened(browser: Browser, dashboard: Dashboard, path: str, size: dict[str, int] = DESKTOP) -> Iterator[Page]:
    """The page; nothing may go wrong in it, and it may ask nobody but the dashboard."""
    context = browser.new_context(viewport={"width": size["width"], "height": size["height"]})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text) if message.type == "error" and not HARMLESS.match(message.text) else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            dashboard.outside.append(request.url)
            if not request.url.startswith((dashboard.url, dashboard.url.replace("http", "ws", 1), "data:", "blob:"))
            else None
        ),
    )
    page.goto(f"{dashboard.url}/{path}")
    yield page
    context.close()
    assert errors == []


def no_trouble(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    assert "Traceback" not in page.content()


@pytest.mark.parametrize(("path", "title"), BOARDS.items(), ids=BOARDS.values())
def test_every_board_is_drawn_with_data(
    browser: Browser, dashboard: Dashboard, stack: Stack, path: str, title: str
) -> None:
    with opened(browser, dashboard, f"{path}?period=15+min") as page:
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible(timeout=DRAWN_MS)
        if title != QUIET:
            expect(page.locator(".js-plotly-plot .plot-container").first).to_be_visible(timeout=DRAWN_MS)
        page.wait_for_function(
            "document.querySelectorAll('[class*=st-key-card-]').length"
            " && document.querySelectorAll('[data-testid=stSkeleton]').length === 0",
            timeout=DRAWN_MS,
        )
        no_trouble(page)
        expect(page.get_by_text(re.compile(f"Server.*Prometheus.*{stack.traces.name}")).first).to_be_visible()
        expect(page.get_by_text("is down")).to_have_count(0)
        points = page.evaluate(
            "[...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.data.flatMap(trace =>"
            " (trace.type === 'heatmap' ? trace.z.flat() : trace.y)).filter(value => value !== null).length)"
        )
        assert points or title == QUIET
        assert all(count > 0 for count in points)


def test_the_overview_says_what_was_asked(browser: Browser, dashboard: Dashboard, speaking: LiveServer) -> None:
    with opened(browser, dashboard, "?period=15+min") as page:
        for title in ("Requests", "Success", "p95", "First audio p95", "Cache hits", "In flight", "Queue"):
            speak(speaking.url, "How long does this take?", cache=False)  # p95 is of the last minute
            tile = page.get_by_test_id("stMetric").filter(has=page.get_by_text(title, exact=True))
            expect(tile.get_by_test_id("stMetricValue")).to_have_text(re.compile(r"\d"), timeout=DRAWN_MS)
        errors = page.locator(".st-key-card-ttscope-overview-error-types")
        expect(errors).to_contain_text("unknown_voice", timeout=DRAWN_MS)
        cache = page.locator(".st-key-card-ttscope-overview-cache-counts")
        expect(cache).to_contain_text("miss")
        expect(page.locator(".st-key-card-ttscope-overview-providers-available")).to_contain_text("coqui")


def test_the_capacity_page_says_how_many_servers_are_needed(browser: Browser, dashboard: Dashboard) -> None:
    with opened(browser, dashboard, "capacity?period=15+min") as page:
        expect(page.get_by_text("servers take 4 times the recorded traffic")).to_be_visible(timeout=DRAWN_MS)
        expect(page.locator(".st-key-card-capacity-servers .js-plotly-plot")).to_be_visible(timeout=DRAWN_MS)
        expect(page.locator(".st-key-card-capacity-loss")).to_contain_text("onnx follows")
        no_trouble(page)


def test_it_draws_itself_anew(browser: Browser, dashboard: Dashboard) -> None:
    with opened(browser, dashboard, "") as page:
        clock = page.get_by_text(re.compile(r"\d\d:\d\d:\d\d UTC")).first
        expect(clock).to_be_visible(timeout=DRAWN_MS)
        expect(clock).not_to_have_text(clock.inner_text(), timeout=DRAWN_MS)


def test_a_period_is_chosen_and_kept_in_the_address(browser: Browser, dashboard: Dashboard) -> None:
    with opened(browser, dashboard, "service") as page:
        page.get_by_role("radio", name="30 d").or_(page.get_by_role("button", name="30 d")).first.click()
        expect(page).to_have_url(re.compile("period=30"), timeout=DRAWN_MS)
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=DRAWN_MS)
        no_trouble(page)


def test_the_slowest_request_is_a_waterfall(browser: Browser, dashboard: Dashboard, stack: Stack) -> None:
    with opened(browser, dashboard, "requests?period=15+min") as page:
        plot = page.locator(".st-key-card-waterfall")
        expect(plot).to_contain_text("POST /tts", timeout=DRAWN_MS)
        expect(plot).to_contain_text("decode")
        expect(page.get_by_text(f"From {stack.traces.name}, for the selected time range.")).to_be_visible()
        no_trouble(page)


def test_a_panel_leads_to_the_requests_behind_it(
    browser: Browser, dashboard: Dashboard, speaking: LiveServer, stack: Stack
) -> None:
    speak(speaking.url, " ".join([LONG] * 4), speed=SLOWLY, cache=False)  # over a second on a quick machine too
    assert eventually(lambda: stack.search(above(DURATION, 1.0)))
    with opened(browser, dashboard, "service?period=15+min") as page:
        card = page.locator(".st-key-card-ttscope-service-latency")
        card.get_by_text("Requests behind it").click(timeout=DRAWN_MS)
        expect(page.get_by_text("behind the panel")).to_contain_text("Response time", timeout=DRAWN_MS)
        expect(page).to_have_url(re.compile("requests.*panel=latency"))
        expect(page.locator(".st-key-card-waterfall")).to_contain_text("POST /tts", timeout=DRAWN_MS)
        no_trouble(page)


@pytest.mark.parametrize("path", ["", "words", "engine"])
def test_what_happened_is_marked_on_every_chart_of_time(browser: Browser, dashboard: Dashboard, path: str) -> None:
    with opened(browser, dashboard, f"{path}?period=15+min") as page:
        expect(page.locator(".js-plotly-plot .plot-container").first).to_be_visible(timeout=DRAWN_MS)
        page.wait_for_function(f"{SIGNS}.some(sign => sign.text === '{EVENT_SIGN}')", timeout=DRAWN_MS)
        told = page.evaluate(
            "[...document.querySelectorAll('.js-plotly-plot')].filter(plot => plot.layout.xaxis.type === 'date')"
            f".map(plot => (plot.layout.annotations ?? []).filter(sign => sign.text === '{EVENT_SIGN}')"
            ".map(sign => sign.hovertext).join())"
        )
        assert told
        for words in told:
            assert f"{ALERT}, warning" in words
            assert "build &lt;b&gt;a build" in words
        head = page.locator(".annotation").filter(has_text=EVENT_SIGN).last
        head.hover()
        expect(page.locator(".hoverlayer").filter(has_text=ALERT)).to_have_count(1)
        no_trouble(page)


@pytest.mark.parametrize("panel", ["latency", "latency-distribution"])
def test_an_exemplar_leads_to_its_trace(
    browser: Browser, dashboard: Dashboard, speaking: LiveServer, stack: Stack, panel: str
) -> None:
    speak(speaking.url, "Which request is this dot?", cache=False)
    assert eventually(lambda: stack.exemplars("tts_request_duration_seconds"))
    with opened(browser, dashboard, "service?period=15+min") as page:
        plots = page.locator(f".st-key-card-ttscope-service-{panel} .js-plotly-plot")
        expect(plots.last).to_be_visible(timeout=DRAWN_MS)  # while it draws anew, the page holds the old one too
        dot = page.locator(f".st-key-card-ttscope-service-{panel} .annotation-text a").last
        dot.hover(timeout=DRAWN_MS)
        expect(page.locator(".hoverlayer").filter(has_text="Click to open its trace")).to_have_count(1)
        dot.click()
        expect(page).to_have_url(re.compile(r"/requests\?trace=[0-9a-f]{32}&period=15\+min$"), timeout=DRAWN_MS)
        expect(page.locator(".st-key-card-waterfall")).to_contain_text("POST /tts", timeout=DRAWN_MS)
        no_trouble(page)


def test_a_trace_that_is_nowhere_is_said_so(browser: Browser, dashboard: Dashboard) -> None:
    with opened(browser, dashboard, f"requests?trace={'0' * 31}1") as page:
        expect(page.get_by_test_id("stAlert")).to_contain_text("does not have it", timeout=DRAWN_MS)


def test_the_first_address_of_a_new_process_is_found(
    browser: Browser, stack: Stack, speaking: LiveServer, drift_folder: Path
) -> None:
    with (
        running_dashboard(stack, speaking, drift_folder) as dashboard,
        opened(browser, dashboard, "drift?period=15+min") as page,
    ):
        expect(page.locator(".st-key-card-scores")).to_contain_text("latency", timeout=DRAWN_MS)
        expect(page.get_by_text("Page not found")).to_have_count(0)


def test_drift_reports_are_in_the_page_and_can_do_nothing(browser: Browser, dashboard: Dashboard) -> None:
    with opened(browser, dashboard, "drift") as page:
        frame = page.frame_locator("iframe")
        expect(frame.get_by_text("Speech takes", exact=False).first).to_be_visible(timeout=DRAWN_MS)
        expect(page.locator(".st-key-card-scores")).to_contain_text("latency")
        expect(page).not_to_have_title("taken")
        source = page.locator("iframe").get_attribute("src") or ""
        assert source.startswith("data:text/html")  # an origin of its own


@pytest.mark.parametrize("path", ["", "words", "requests", "drift"])
def test_it_fits_a_phone(browser: Browser, dashboard: Dashboard, path: str) -> None:
    with opened(browser, dashboard, f"{path}?period=15+min", PHONE) as page:
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=DRAWN_MS)
        page.wait_for_function(FITS, arg=PHONE["width"], timeout=DRAWN_MS)  # charts are laid out last
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= PHONE["width"]


def test_a_page_elsewhere_can_not_read_it_by_another_name(dashboard: Dashboard) -> None:
    import http.client

    port = int(dashboard.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = {
        **upgrade,
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Host": "evil.example",
        "Origin": "http://evil.example",
    }
    connection.request("GET", "/_stcore/stream", headers=headers)
    assert connection.getresponse().status == 403
    connection.close()


def test_prometheus_goes_and_comes_back(browser: Browser, dashboard: Dashboard, stack: Stack) -> None:
    with opened(browser, dashboard, "?period=15+min") as page:
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=DRAWN_MS)
        stack.kill("prometheus")
        expect(page.get_by_test_id("stAlert")).to_contain_text("Prometheus does not answer", timeout=DRAWN_MS)
        expect(page.get_by_test_id("stAlert")).to_contain_text("make stack")
        tile = page.get_by_test_id("stMetric").filter(has=page.get_by_text("Requests in total", exact=True))
        expect(tile.get_by_test_id("stMetricValue")).to_have_text(re.compile(r"[1-9]"))
        expect(page.get_by_test_id("stException")).to_have_count(0)
        stack.start("prometheus")
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=DRAWN_MS)
        expect(page.get_by_test_id("stAlert")).to_have_count(0, timeout=DRAWN_MS)


def test_the_trace_store_goes_and_the_servers_own_traces_are_shown(
    browser: Browser, dashboard: Dashboard, stack: Stack
) -> None:
    stack.kill(stack.trace_store)
    try:
        with opened(browser, dashboard, "requests?period=15+min") as page:
            expect(page.get_by_text("in the server's memory")).to_be_visible(timeout=DRAWN_MS)
            expect(page.locator(".st-key-card-waterfall")).to_contain_text("decode", timeout=DRAWN_MS)
    finally:
        stack.start(stack.trace_store)
