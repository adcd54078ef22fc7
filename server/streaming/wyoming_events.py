"""Reads the events of Wyoming's protocol within bounds.

An event is a line of JSON with its ``type``. Its data is in the line, or in ``data_length`` bytes of JSON behind it,
and ``payload_length`` bytes follow. The package ``wyoming`` writes events; its readers take any length, so this module
reads them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json
from wyoming.event import Event

from server.errors import BodyTooLarge, InvalidJson, RequestTimeout
from server.routes.utterances import parsed
from server.streaming.query import validated

LINE_BYTES = 64 * 1024
"""The longest line."""
PAYLOAD_BYTES = 64 * 1024
"""The longest payload. None is used: a client of speech sends no audio."""
MOST_TYPE_CHARACTERS = 64
READ_BYTES = 16 * 1024


class _Head(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    type: str = Field(max_length=MOST_TYPE_CHARACTERS)
    data: dict[str, Any] | None = None
    data_length: int | None = Field(None, ge=0)
    payload_length: int | None = Field(None, ge=0)


class EventReader:
    """The events of one connection. Its stream must have the limit ``LINE_BYTES``."""

    def __init__(self, stream: asyncio.StreamReader, most_bytes: int, seconds: float) -> None:
        """``most_bytes`` is the limit of an event's data, ``seconds`` the timeout for all that follows its line."""
        self._stream = stream
        self._most_bytes = most_bytes
        self._seconds = seconds

    async def line(self) -> bytes:
        """Returns the next line; nothing when the client has ended its side. It can be cancelled and called again.
        Raises BodyTooLarge and ConnectionError."""
        try:
            return await self._stream.readline()
        except ValueError:
            raise BodyTooLarge(f"a line may have at most {LINE_BYTES} bytes; longer data follows it") from None

    async def event(self, line: bytes) -> Event:
        """Returns the event that a line begins. Raises InvalidJson, InvalidRequest, BodyTooLarge, RequestTimeout and
        ConnectionError."""
        head = validated(_Head, _parse(line))
        data_length, payload_length = head.data_length or 0, head.payload_length or 0
        if data_length > self._most_bytes:
            raise BodyTooLarge(f"data_length: must be at most {self._most_bytes}", param="data_length")
        if payload_length > PAYLOAD_BYTES:
            raise BodyTooLarge(f"payload_length: must be at most {PAYLOAD_BYTES}", param="payload_length")
        try:
            async with asyncio.timeout(self._seconds):
                data = await self._stream.readexactly(data_length)
                await self._skip(payload_length)
        except TimeoutError:
            raise RequestTimeout(f"the event did not arrive within {self._seconds:g} seconds") from None
        except asyncio.IncompleteReadError:
            raise InvalidJson("the event is cut off") from None
        more = await parsed(_parse, data) if data else {}
        return Event(head.type, {**(head.data or {}), **more})

    async def _skip(self, length: int) -> None:
        """Reads a payload and forgets it."""
        while length:
            skipped = await self._stream.read(min(length, READ_BYTES))
            if not skipped:
                raise asyncio.IncompleteReadError(skipped, length)
            length -= len(skipped)


def _parse(data: bytes) -> dict[str, Any]:
    """Returns a JSON object. Raises InvalidJson."""
    try:
        value = from_json(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidJson("an event must be a line with a JSON object in UTF-8, and its data another one")
    return value
