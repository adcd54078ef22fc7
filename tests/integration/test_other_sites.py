"""What a page of another site can do to the pipeline's real programs from the browser of somebody who runs them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

import psutil
import pytest

from stack.services import dashboard, mlflow
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

FOREIGN = "http://evil.example"
LOOKALIKE = "10.evil.example"
"""A name that begins like a private address."""
READY_SECONDS = 120.0
OPEN_TO_EVERY_SITE = {"alertmanager"}
"""The programs whose answers every page may read. Alertmanager has no option against it: docs/operations.md says so."""
ANSWER_EVERY_HOST = {"prometheus", "alertmanager", "trace store", "collector"}
"""The programs that a page reaches by DNS rebinding; the same page of the docs says what it can do there."""
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
RUN = "/api/2.0/mlflow/experiments/create"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        stack.supervisor.start([mlflow(stack.settings), dashboard(stack.settings)])
        stack.supervisor.wait_until_ready(READY_SECONDS)
        yield stack


def ask(
    url: str, path: str = "/", method: str = "GET", body: str | None = None, **headers: str
) -> tuple[int, dict[str, str]]:
    """Status and headers of the answer; the header Host can be any."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.request(method, path, body, {"Host": address.netloc, **headers})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def test_mlflow_answers_its_own_names_alone(stack: Stack) -> None:
    url = stack.settings.url(stack.settings.mlflow_port)
    port = stack.settings.mlflow_port
    for host, status in (
        (f"127.0.0.1:{port}", 200),
        (f"localhost:{port}", 200),
        ("evil.example", 403),
        (f"evil.example:{port}", 403),
        (f"{LOOKALIKE}:{port}", 403),
    ):
        assert ask(url, Host=host)[0] == status, host


def test_no_page_of_another_site_changes_runs(stack: Stack) -> None:
    url, body = stack.settings.url(stack.settings.mlflow_port), json.dumps({"name": "from another site"})
    for kind in ("application/json", "text/plain"):  # the second is sent without a question before it
        assert ask(url, RUN, "POST", body, Origin=FOREIGN, **{"Content-Type": kind})[0] == 403
    assert "access-control-allow-origin" not in ask(url, Origin=FOREIGN)[1]
    assert ask(url, RUN, "POST", body, **{"Content-Type": "application/json"})[0] == 200


def test_the_live_dashboard_answers_its_own_names_and_pages_alone(stack: Stack) -> None:
    url = stack.settings.url(stack.settings.dashboard_port)
    port = stack.settings.dashboard_port
    for path, upgrade, answered in (("/", {}, 200), ("/_stcore/stream", UPGRADE, 101)):
        assert ask(url, path, Host=f"localhost:{port}", **upgrade)[0] == answered
        for host in ("evil.example", f"evil.example:{port}", LOOKALIKE):
            assert ask(url, path, Host=host, **upgrade)[0] == (403 if upgrade else 421), host
        assert ask(url, path, Origin=url, **upgrade)[0] == answered
        for origin in (FOREIGN, "null", "http://127.0.0.1:1"):
            assert ask(url, path, Origin=origin, **upgrade)[0] == 403, origin


def test_whose_answers_a_page_of_another_site_may_read(stack: Stack) -> None:
    answers = {name: ask(*address, Origin=FOREIGN) for name, address in addresses(stack).items()}
    readable = {name for name, (_, headers) in answers.items() if "access-control-allow-origin" in headers}
    assert readable == OPEN_TO_EVERY_SITE


def test_who_answers_a_name_that_was_made_to_lead_here(stack: Stack) -> None:
    answers = {name: ask(*address, Host="evil.example") for name, address in addresses(stack).items()}
    assert {name for name, (status, _) in answers.items() if status == 200} == ANSWER_EVERY_HOST


def test_every_port_is_on_the_loopback(stack: Stack) -> None:
    programs = psutil.Process().children(recursive=True)
    bound = {
        (program.name(), port.laddr)
        for program in programs
        for port in program.net_connections("inet")
        if not port.raddr
    }
    assert {port for _, (_, port) in bound} >= {stack.settings.mlflow_port, stack.settings.collector_grpc_port}
    assert [each for each in bound if not ip_address(each[1].ip).is_loopback] == []


def addresses(stack: Stack) -> dict[str, tuple[str, str]]:
    """Base and path of an answer that is worth reading, by program."""
    settings = stack.settings
    return {
        "prometheus": (settings.url(settings.prometheus_port), "/api/v1/query?query=up"),
        "alertmanager": (settings.url(settings.alertmanager_port), "/api/v2/alerts"),
        "trace store": (settings.trace_store_url, "/api/v3/services"),
        "collector": (settings.url(settings.collector_health_port), "/"),
        "mlflow": (settings.url(settings.mlflow_port), "/"),
        "dashboard": (settings.url(settings.dashboard_port), "/"),
    }


@pytest.mark.parametrize(
    ("port", "path"), [("collector_http_port", "/v1/metrics"), ("prometheus_port", "/api/v1/otlp/v1/metrics")]
)
def test_no_page_of_another_site_sends_telemetry(stack: Stack, port: str, path: str) -> None:
    """Without a name that leads here: a browser asks before it sends JSON, and other types are refused."""
    url = stack.settings.url(getattr(stack.settings, port))
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert "access-control-allow-origin" not in ask(url, path, "OPTIONS", Origin=FOREIGN, **asked)[1]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert ask(url, path, "POST", "{}", Origin=FOREIGN, **{"Content-Type": kind})[0] in (400, 415), kind
