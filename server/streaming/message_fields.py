"""The fields that this server adds to every format: the caller's trace, and how much of the audio it has played."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

MOST_PLAYED = 24 * 60 * 60 * 1000
"""The most milliseconds that a client can have played: a day."""
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""Source: W3C Trace Context, level 2, section 3.2."""


def _traceparent(value: str) -> str:
    """Returns a valid ``traceparent``. Raises PydanticCustomError."""
    if not _TRACEPARENT.fullmatch(value):
        raise PydanticCustomError("traceparent", "must be that of a span, 00-TRACE-SPAN-FLAGS (W3C Trace Context)")
    return value


Traceparent = Annotated[str, AfterValidator(_traceparent)]
"""The span of the caller that a text belongs to."""
PlayedMilliseconds = Annotated[int, Field(ge=0, le=MOST_PLAYED)]
"""The length of a context's audio that its client had played when it stopped it."""


class SocketQuery(BaseModel):
    """The query of a handshake. The trace in it is read with the headers, before the request has a span."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    traceparent: Traceparent | None = None
