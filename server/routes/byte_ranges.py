"""Byte ranges of whole answers (RFC 9110, 14), which players request: Safari asks for the first two bytes first."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import hdrs

from server.errors import RangeNotSatisfiable

ACCEPT_RANGES: dict[str, str] = {hdrs.ACCEPT_RANGES: "bytes"}
"""The header that offers ranges."""

_SINGLE_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
_TAG_DIGITS = 32
"""Hexadecimal digits, so 128 bits."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A range of a body."""

    start: int
    stop: int
    """The position behind its last byte."""
    size: int
    """The length of the whole body."""

    @property
    def content_range(self) -> str:
        """The header Content-Range."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def entity_tag(body: bytes) -> str:
    """Returns the header ETag: equal for equal bodies only, so a client can't join ranges of two syntheses."""
    return f'"{hashlib.sha256(body).hexdigest()[:_TAG_DIGITS]}"'


def requested_range(headers: Mapping[str, str], size: int, tag: str) -> ByteRange | None:
    """Returns the range that a request's headers ask for, of a body with ``size`` bytes and the entity tag ``tag``.

    None stands for the whole body: without a range, with several, with one that is malformed, and when If-Range names
    another body. Raises RangeNotSatisfiable.
    """
    match = _SINGLE_RANGE.fullmatch(headers.get(hdrs.RANGE, "").strip())
    if match is None or headers.get(hdrs.IF_RANGE, tag).strip() != tag:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise RangeNotSatisfiable(size)
    return ByteRange(start, stop, size)
