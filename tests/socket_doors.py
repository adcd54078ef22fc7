"""What clients of each format send over its socket to have a text spoken, and to stop it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.socket_client import Received, SocketClient

RATE = 16_000
"""Hz of the audio, where a format lets its clients choose."""


@dataclass(frozen=True)
class Door:
    """How a client of a format says what all of them can say."""

    path: str
    speak: tuple[dict[str, Any], ...]
    """Opens a context and speaks a text, whose field is added, and so are those of the trace."""
    text: str
    """The name of the text's field."""
    done: dict[str, Any]
    """The fields of the message that all was spoken."""
    opening: tuple[dict[str, Any], ...] = ()
    then: tuple[dict[str, Any], ...] = ()
    """What follows the text."""
    ends: tuple[dict[str, Any], ...] = ()
    """What ends the context, where only that is answered."""
    stop: dict[str, Any] | None = None
    """What interrupts it; None for a format without such a message."""

    async def say(self, socket: SocketClient, text: str, **fields: Any) -> None:
        for message in self.opening:
            await socket.send(**message)
        for message in self.speak:
            await socket.send(**message, **{self.text: text}, **fields)
        for message in self.then:
            await socket.send(**message)

    async def spoken(self, socket: SocketClient, text: str, **fields: Any) -> list[Received]:
        """Says a text, and returns the answers up to its end."""
        await self.say(socket, text, **fields)
        await self.end(socket)
        return await socket.until(**self.done)

    async def end(self, socket: SocketClient) -> None:
        """Ends the context, where only that is answered."""
        for message in self.ends:
            await socket.send(**message)


CARTESIA: dict[str, Any] = {
    "model_id": "sonic-3",
    "voice": "joe",
    "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": RATE},
    "context_id": "one",
}
DOORS = {
    "deepgram": Door(
        f"/v1/speak?model=joe&sample_rate={RATE}",
        ({"type": "Speak"},),
        "text",
        {"type": "Flushed"},
        then=({"type": "Flush"},),
        stop={"type": "Clear"},
    ),
    "cartesia": Door(
        "/cartesia/tts/websocket",
        ({**CARTESIA, "continue": True, "flush": True},),
        "transcript",
        {"type": "flush_done"},
        stop={"context_id": "one", "cancel": True},
    ),
    "elevenlabs": Door(
        f"/v1/text-to-speech/joe/multi-stream-input?output_format=pcm_{RATE}",
        ({"context_id": "one"},),
        "text",
        {"isFinal": True},
        ends=({"context_id": "one", "flush": True}, {"context_id": "one", "close_context": True}),
        stop={"context_id": "one", "close_context": True},
    ),
    "vllm-omni": Door(
        "/v1/audio/speech/stream",
        ({"type": "input.text"},),
        "text",
        {"type": "session.done"},
        opening=({"type": "session.config", "voice": "joe", "response_format": "pcm", "stream_audio": True},),
        then=({"type": "input.done"},),
    ),
}
