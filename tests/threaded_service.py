"""A running service in a thread, for tests whose own thread belongs to a browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from server.app import Service
from server.providers.provider import Provider
from server.settings import Settings


@contextmanager
def threaded_service(settings: Settings, providers: Sequence[Provider]) -> Iterator[str]:
    """Runs a service until the end of the block; yields its address."""
    ready, end = threading.Event(), threading.Event()
    urls: list[str] = []

    async def serve() -> None:
        service = Service(settings, providers)
        try:
            await (await service.start())
            urls.append(service.url)
            ready.set()
            await asyncio.to_thread(end.wait)
        finally:
            ready.set()
            await service.stop()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert ready.wait(60)
    try:
        yield urls[0]
    finally:
        end.set()
        thread.join()
