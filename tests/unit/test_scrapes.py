"""Scrapes share renderings: one at a time, and none that began before it was asked for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from otel.sdk.exposition import content_type
from server.routes.metrics import PrometheusRoute

OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"


class Rendering:
    """Stands for the exposition: each rendering waits until it may end, and says which it was."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_once = self.most_at_once = 0
        self.may_end = threading.Semaphore(0)

    def render(self, kind: str) -> bytes:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        number = self.begun
        assert self.may_end.acquire(timeout=60)
        self.at_once -= 1
        return f"{number} {kind}".encode()


async def scrape(route: PrometheusRoute, accept: str = "") -> str:
    answer = await route(make_mocked_request("GET", "/prometheus", {"Accept": accept}))
    assert isinstance(answer, web.Response)
    assert isinstance(answer.body, bytes)
    assert answer.headers["Content-Type"] in answer.body.decode()
    return answer.body.decode().partition(" ")[0]


async def until_begun(rendering: Rendering, count: int) -> None:
    async with asyncio.timeout(60):
        while rendering.begun < count:
            await asyncio.sleep(0.001)


async def test_who_comes_during_a_rendering_shares_the_next() -> None:
    rendering = Rendering()
    route = PrometheusRoute(cast("Any", rendering))
    first = asyncio.create_task(scrape(route))
    await until_begun(rendering, 1)
    others = [asyncio.create_task(scrape(route, accept)) for accept in ("", OPEN_METRICS) * 20]
    left = asyncio.create_task(scrape(route))
    await asyncio.sleep(0)
    left.cancel()  # one who leaves takes it from nobody
    rendering.may_end.release(3)
    assert await first == "1"
    assert await asyncio.gather(*others) == ["2", "3"] * 20
    assert (rendering.begun, rendering.most_at_once) == (3, 1)


async def test_a_rendering_that_fails_is_not_the_last() -> None:
    class Failing(Rendering):
        def render(self, kind: str) -> bytes:
            if self.begun == 0:
                self.begun += 1
                raise ValueError("once")
            return super().render(kind)

    rendering = Failing()
    rendering.may_end.release(1)
    route = PrometheusRoute(cast("Any", rendering))
    with pytest.raises(ValueError, match="once"):
        await scrape(route)
    assert await scrape(route) == "2"


@pytest.mark.parametrize(
    ("accept", "open_metrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", False),
        (OPEN_METRICS, True),
        ("application/openmetrics-text; version=9.9.9; escaping=whatever", True),
        ("application/openmetrics-text;version=not a version", True),
        (",;,application/openmetrics-text;" * 200, True),
        ("a" * 8000, False),
    ],
)
def test_there_are_two_content_types_whatever_is_accepted(accept: str, open_metrics: bool) -> None:
    expected = "application/openmetrics-text; version=1.0.0;" if open_metrics else "text/plain; version=0.0.4;"
    assert content_type(accept).startswith(expected)
