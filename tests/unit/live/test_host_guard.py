"""Tests which requests reach Streamlit, by their Host and their Origin."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboards.live.host_guard import HostGuard
from dashboards.live.settings import Settings

LOCAL = Settings(allowed_hosts="dash.lan, ")
OPEN = Settings(host="0.0.0.0")
PUBLIC = "https://live.example.org"


def guarded(settings: Settings) -> TestClient:
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    routes = [Route("/", lambda _: PlainTextResponse("in")), WebSocketRoute("/stream", echo)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(HostGuard, settings=settings)]))


@pytest.fixture(autouse=True)
def _public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_PUBLIC_DASHBOARD_URL", PUBLIC)


@pytest.mark.parametrize(
    ("settings", "host", "status"),
    [
        (LOCAL, "127.0.0.1:8501", 200),
        (LOCAL, "localhost:8501", 200),
        (LOCAL, "dash.lan", 200),
        (LOCAL, "live.example.org", 200),
        (LOCAL, "10.1.2.3:8501", 421),
        (LOCAL, "evil.example", 421),
        (LOCAL, "10.evil.example", 421),
        (OPEN, "10.1.2.3:8501", 200),
        (OPEN, "10.evil.example", 421),
        (OPEN, "evil.example", 421),
    ],
)
def test_the_host_must_be_a_name_of_the_dashboard(settings: Settings, host: str, status: int) -> None:
    client = guarded(settings)
    assert client.get("/", headers={"Host": host}).status_code == status
    assert connects(client, {"Host": host}) is (status == 200)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:8501", True),
        (PUBLIC, True),
        ("http://127.0.0.1:9999", False),
        ("http://localhost:8501", False),
        ("https://evil.example", False),
        ("https://live.example.org.evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_a_page_of_another_site_is_refused(origin: str, allowed: bool) -> None:
    client, headers = guarded(LOCAL), {"Host": "127.0.0.1:8501", "Origin": origin}
    assert client.get("/", headers=headers).status_code == (200 if allowed else 403)
    assert connects(client, headers) is allowed


def connects(client: TestClient, headers: dict[str, str]) -> bool:
    try:
        with client.websocket_connect("/stream", headers=headers):
            return True
    except WebSocketDisconnect:
        return False
