"""Sends a canary wherever a client of ElevenLabs' format can write something."""

from __future__ import annotations

import json
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

JSON = {"Content-Type": "application/json"}
SPEECH = "/v1/text-to-speech/"


def over_elevenlabs_calls(url: str, canary: str, send: Callable[..., int]) -> set[int]:
    """Returns the statuses of calls with the canary; ``send`` sends one."""
    text = {"text": f"Hello {canary}."}
    fields: tuple[dict[str, object], ...] = (
        {"previous_text": canary, "model_id": canary},
        {"language_code": canary},
        {"seed": canary},
        {"voice_settings": {canary: 1}},
        {"audio_effects": canary},
        {canary: 1},
    )
    bodies = [json.dumps({**text, **each}).encode() for each in fields]
    paths = (f"{canary}", f"joe/stream?output_format={canary}", f"joe/stream?{canary}=1", "joe/stream/with-timestamps")
    lists = (f"/v1/voices/{canary}", f"/v2/voices?search={canary}&next_page_token={canary}", f"/v1/voices?{canary}=1")
    return {
        *(send(url, "POST", f"{SPEECH}joe", body, JSON) for body in bodies),
        *(send(url, "POST", SPEECH + path, bodies[0], JSON) for path in paths),
        *(send(url, "GET", path) for path in lists),
        send(url, "POST", f"{SPEECH}joe", canary.encode(), JSON),
    }


def over_elevenlabs_sockets(url: str, canary: str) -> set[str]:
    """Returns the errors of messages with the canary, and ``final`` for each context that was spoken."""
    hello = {"text": f"Hello {canary}.", "context_id": canary, "flush": True, "xi_api_key": canary}
    conversations: tuple[tuple[dict[str, object], ...], ...] = (
        (hello, {"context_id": canary, "close_context": True}, {"close_socket": True}),
        (hello, {"context_id": canary, "close_context": canary}),
        ({"text": canary, "context_id": canary * 100},),
        ({"text": canary, canary: 1},),
        ({"text": canary, "traceparent": canary},),
        ({"text": canary * 1000},),
    )
    results: set[str] = set()
    for messages in conversations:
        with connect(f"{url.replace('http', 'ws', 1)}{SPEECH}joe/multi-stream-input?model_id={canary}") as socket:
            for message in messages:
                socket.send(json.dumps(message))
            try:
                while True:
                    answer = json.loads(socket.recv(timeout=60))
                    if answer.get("error") or answer.get("isFinal"):
                        results.add(answer.get("error", "final"))
            except ConnectionClosed:
                pass
    return results
