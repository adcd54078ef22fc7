"""The head of a request while a connection receives it: its headers' size, and what its first line asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator

BEGIN_BYTES = 512
"""How much of a head is kept. It holds the method and the path; a text in the query is cut off."""
MOST_PIECES = 16
"""How many heads are separated in one read; what follows is parsed as one piece."""
END = b"\r\n\r\n"

_LINE = re.compile(rb"([A-Z]{1,16}) (?:https?://[^/\s]*)?(/[^\s?#]*)[\s?#]")
"""Matches a request line up to the end of its path, so a path that did not arrive completely is not one."""


class RequestHead:
    """The bytes of a head that have arrived so far."""

    def __init__(self) -> None:
        self.header_bytes = 0
        """The bytes that followed the request line."""
        self._size = 0
        self._begin = b""
        self._in_headers = False

    def add(self, data: bytes) -> None:
        """Adds the next bytes. Line breaks before a request are no part of it."""
        if not self._size:
            data = data.lstrip(b"\r\n")
        if self._size < BEGIN_BYTES:
            self._begin += data[: BEGIN_BYTES - self._size]
        self._size += len(data)
        if not self._in_headers:
            _, line_end, data = data.partition(b"\n")
            self._in_headers = bool(line_end)
        self.header_bytes += len(data)

    def clear(self) -> None:
        """Forgets the head: it arrived completely."""
        self.header_bytes, self._size, self._begin, self._in_headers = 0, 0, b"", False

    @property
    def line(self) -> tuple[str, str]:
        """The method and the path; empty strings if they did not arrive."""
        match = _LINE.match(self._begin)
        return (match[1].decode(), match[2].decode("latin-1")) if match else ("", "")


def pieces(data: bytes) -> Iterator[bytes]:
    """Yields ``data`` in pieces that end where a head may end.

    A parser that fails returns none of the requests in the same piece, so the valid ones are in pieces before it.
    """
    start = 0
    for _ in range(MOST_PIECES):
        end = data.find(END, start) + len(END)
        if end < len(END) or end == len(data):
            break
        yield data[start:end]
        start = end
    yield data[start:] if start else data
