"""``python -m tests.agents URL TEXT LONG``: what the clients of LiveKit, Pipecat and Home Assistant get, as JSON.

All have one process, since importing them takes longer than speaking, and speak one after another, since Pipecat waits
no longer than 3 s for audio. LONG is a text that is interrupted.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import Any

from speak2mary import MaryTTS

from tests.agents import livekit_clients, pipecat_clients

SECONDS = 120.0
"""For all of them, on a busy machine."""


async def mary(url: str, text: str) -> dict[str, Any]:
    """Returns what Home Assistant's client of MaryTTS gets."""
    host, _, port = url.removeprefix("http://").partition(":")
    client = MaryTTS(host, int(port), "WAVE_FILE", "en_US", "joe")
    return {"whole": await asyncio.to_thread(client.speak, text)}


async def main(url: str, text: str, long: str) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        return {
            "livekit": await livekit_clients.all_of_them(url, text, long),
            "pipecat": await pipecat_clients.all_of_them(url, text, long),
            "marytts": {"MaryTTS": await mary(url, text)},
        }


def in_base64(value: Any) -> str:
    return base64.b64encode(value).decode()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:])), default=in_base64))
