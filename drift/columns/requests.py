"""The requests of a window, from which columns derive their values."""

from __future__ import annotations

import numpy as np

from drift.columns.reader import NOTHING, FieldReader, Flags, Floats, Words, shared

TOO_MANY_REQUESTS = 429


class Requests:
    """The fields that several columns need, and access to the others; all arrays have one element per row."""

    def __init__(self, reader: FieldReader) -> None:
        self._reader = reader
        self.outcome = reader.text("outcome")
        self.cache = reader.text("cache")
        self.voice = reader.text("voice")
        self.status = reader.number("status", 0, 999)
        self.streamed = reader.flag("streamed")
        self.provider = reader.text("provider")
        self.fallback_from = reader.text("fallback_from")
        self.speed = reader.number("speed", 0.01, 100)
        self.clipping_share = reader.number("clipping_share", 0, 1)

        self.every = np.ones(reader.rows, dtype=np.bool_)
        self.ok: Flags = self.outcome == "ok"
        self.named: Flags = self.voice != NOTHING
        """Requests that named an existing voice."""
        self.ended: Flags = self.outcome != NOTHING
        self.origin: Words = np.where(
            self.cache == "hit", "hit", np.where(self.cache == "coalesced", "coalesced", "made")
        ).astype(object)
        """The origin of the audio: made, coalesced with an equal request, or a cache hit."""
        self.synthesized: Flags = self.ok & (self.origin == "made")
        """Requests that succeeded and whose audio was made for them."""
        rejected = self.outcome == "rejected"
        self.no_room: Flags = rejected & ((self.status == TOO_MANY_REQUESTS) | (self.status >= 500))
        self.invalid: Flags = rejected & ~self.no_room

    def text(self, name: str) -> Words:
        """Returns the field ``name`` as text, "" where there is none."""
        return self.streamed if name == "streamed" else self._reader.text(name)

    def number(self, name: str, least: float, most: float) -> Floats:
        """Returns the field ``name`` as floats, NaN where there is none or it is not from ``least`` to ``most``."""
        return self._reader.number(name, least, most)

    def length(self) -> Floats:
        """Returns the decimal logarithm of the characters to be spoken, at speed 1; NaN where there are none."""
        characters = self.number("characters", 0, 1e8)
        with np.errstate(divide="ignore", invalid="ignore"):
            length: Floats = np.log10(np.maximum(1.0, characters) / np.where(np.isnan(self.speed), 1.0, self.speed))
        return length

    def way(self) -> Words:
        """Returns how each request was answered: where its audio came from, and whole or as a stream."""
        return shared([f"{origin} {form}" for origin, form in zip(self.origin, self.streamed, strict=True)])
