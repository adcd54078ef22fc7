"""The canary in messages over sockets, one function a format."""

from __future__ import annotations

import json
from typing import Any

from websockets.sync.client import connect

FORM = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 8000}


def over_cartesias_socket(url: str, canary: str) -> set[int]:
    """Sends the canary in each field that takes a text; returns the status codes of the answers."""
    speech: dict[str, Any] = {
        "context_id": canary,
        "transcript": f"Hello {canary}.",
        "model_id": canary,
        "voice": "joe",
        "output_format": FORM,
    }
    changed: list[dict[str, Any]] = [
        {},
        {"add_timestamps": True, "generation_config": {"emotion": canary}},
        {"context_id": canary * 100},
        *(
            {name: canary}
            for name in ("voice", "language", "pronunciation_dict_id", "speed", "continue", "traceparent", canary)
        ),
        {"voice": {"id": "joe", canary: canary}},
        {"transcript": canary * 1000},
    ]
    statuses = set()
    address = url.replace("http", "ws", 1)
    with connect(f"{address}/tts/websocket?cartesia_version={canary}", max_size=None) as socket:
        for message in [*({**speech, **fields} for fields in changed), {canary: canary}, canary]:
            socket.send(json.dumps(message))
            answer = {"done": False}
            while not answer["done"]:
                answer = json.loads(socket.recv(timeout=60))
            statuses.add(answer["status_code"])
        socket.send(json.dumps({**speech, "continue": True, "max_buffer_delay_ms": 0}))
        socket.recv(timeout=60)
        socket.send(json.dumps({"context_id": canary, "cancel": True, "played_ms": canary}))
        socket.send(json.dumps({"context_id": canary, "cancel": True, "played_ms": 1}))
    return statuses
