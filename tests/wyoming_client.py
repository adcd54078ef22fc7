"""Home Assistant's side of Wyoming's protocol, with the package's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

from tests.service_client import Client

ANSWER_SECONDS = 10.0
"""For the next event, on a busy machine."""


@dataclass
class Heard:
    """What a client has received, up to the end of a text."""

    start: AudioStart | None = None
    chunks: list[AudioChunk] = field(default_factory=list)
    stopped: int = 0
    """How often the audio has ended."""

    @property
    def audio(self) -> bytes:
        return b"".join(chunk.audio for chunk in self.chunks)

    @property
    def seconds(self) -> float:
        assert self.start is not None
        return len(self.audio) / self.start.width / self.start.rate


def wyoming_port(client: Client) -> int:
    port = client.service.applications.wyoming.port
    assert port is not None
    return port


@asynccontextmanager
async def room(client: Client) -> AsyncIterator[AsyncTcpClient]:
    """Opens a connection as Home Assistant does for each text, and closes it."""
    connection = AsyncTcpClient("127.0.0.1", wyoming_port(client), read_timeout=ANSWER_SECONDS)
    async with connection:
        yield connection


async def heard(connection: AsyncTcpClient, *, in_pieces: bool = False) -> Heard:
    """Returns what is said up to its end. Raises AssertionError for an error, and a connection that ends before."""
    received = Heard()
    while True:
        event = await connection.read_event()
        assert event is not None, "the connection has ended"
        assert not Error.is_type(event.type), event.data
        if AudioStart.is_type(event.type):
            assert received.start is None
            received.start = AudioStart.from_event(event)
        elif AudioChunk.is_type(event.type):
            assert received.start is not None
            received.chunks.append(AudioChunk.from_event(event))
        elif AudioStop.is_type(event.type):
            received.stopped += 1
            if not in_pieces:
                return received
        elif SynthesizeStopped.is_type(event.type):
            return received


async def say(connection: AsyncTcpClient, text: str, voice: SynthesizeVoice | None = None) -> Heard:
    """Sends a whole text, and returns what is said."""
    await connection.write_event(Synthesize(text, voice).event())
    return await heard(connection)


async def say_in_pieces(
    connection: AsyncTcpClient, pieces: Iterable[str], voice: SynthesizeVoice | None = None
) -> Heard:
    """Sends the pieces of a text while it hears what is said, as Home Assistant does."""
    hearing = asyncio.create_task(heard(connection, in_pieces=True))
    await connection.write_event(SynthesizeStart(voice).event())
    text = ""
    for piece in pieces:
        text += piece
        await connection.write_event(SynthesizeChunk(piece).event())
    await connection.write_event(Synthesize(text, voice).event())  # for servers without streams
    await connection.write_event(SynthesizeStop().event())
    return await hearing


async def rest(connection: AsyncTcpClient) -> list[Event]:
    """Returns the events up to the end of the connection."""
    events = []
    while (event := await connection.read_event()) is not None:
        events.append(event)
    return events
