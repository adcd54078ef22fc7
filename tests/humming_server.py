"""``python -m tests.humming_server``: the server as a process of its own, with a provider that hums; with a shared
store, it also hums registered voices."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

from server.access import usage
from server.app import Service
from server.providers.factory import open_recordings
from server.settings import load
from server.shared.store_address import open_shared_files
from tests.cloning_provider import CloningProvider
from tests.humming_provider import HummingProvider

ANSWER_SECONDS = 10.0
"""Instead of the server's own timeout of Redis: a machine that is busy for a moment is no outage."""


async def main(provider: HummingProvider) -> None:
    usage.ANSWER_SECONDS = ANSWER_SECONDS
    settings = load()
    shared = open_shared_files(settings.shared_store, settings.data_dir)
    providers = [provider] if shared is None else [CloningProvider(open_recordings(settings, shared))]
    service = Service(settings, providers, shared)
    await (await service.start())
    ready = {"message": "ready", "url": service.url, "management_url": service.management_url}
    print(json.dumps(ready), file=sys.stderr, flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await service.stop()


if __name__ == "__main__":
    asyncio.run(main(HummingProvider()))
