"""Tests what a connection knows of a request whose head has not arrived completely."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import HttpRequestParserC, HttpRequestParserPy
from hypothesis import given
from hypothesis import strategies as st

from server.network.parsing import HEADER_BYTES, LEAST_URL_BYTES, holds_part, parse_error
from server.network.request_head import MOST_PIECES, RequestHead, pieces
from server.settings import Settings

HEAD = b"POST /tts HTTP/1.1\r\nHost: a\r\nX: y\r\n"
MESSAGES = {
    "no body": b"GET /tts?text=a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a body": HEAD + b"Content-Length: 5\r\n\r\nhello",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
}


def head(*parts: bytes) -> RequestHead:
    made = RequestHead()
    for part in parts:
        made.add(part)
    return made


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", ("", "")),
        (b"POST /tt", ("", "")),
        (b"POST /tts", ("", "")),
        (b"POST /tts ", ("POST", "/tts")),
        (b"\r\n\r\nGET /api/tts?text=a", ("GET", "/api/tts")),
        (b"GET http://localhost:8010/api/tts?text=a", ("GET", "/api/tts")),
        (b"GET /tts\r\n", ("GET", "/tts")),
        (b"GARBAGE\r\n\r\n", ("", "")),
        (b"get /tts HTTP/1.1", ("", "")),
        (b"\x16\x03\x01 /tts ", ("", "")),
    ],
)
def test_a_line_is_known_up_to_its_path(data: bytes, line: tuple[str, str]) -> None:
    assert head(data).line == line
    assert head(*(data[n : n + 1] for n in range(len(data)))).line == line


def test_headers_are_counted_from_the_end_of_the_line() -> None:
    data = b"\r\nGET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: a\r\n"
    for made in (head(data), head(data[:50_000], data[50_000:-3], data[-3:])):
        assert made.header_bytes == len(b"Host: a\r\n")
        made.clear()
        assert (made.header_bytes, made.line) == (0, ("", ""))


@given(st.lists(st.sampled_from([b"a", b"\r\n", b"\r\n\r\n", b"\r", b"\n"])).map(b"".join))
def test_pieces_are_the_data_cut_where_heads_end(data: bytes) -> None:
    cut = list(pieces(data))
    assert b"".join(cut) == data
    assert len(cut) <= MOST_PIECES + 1
    assert all(piece.endswith(b"\r\n\r\n") for piece in cut[:-1])


@pytest.mark.parametrize("kind", [HttpRequestParserC, HttpRequestParserPy], ids=["compiled", "python"])
@pytest.mark.parametrize("name", list(MESSAGES))
async def test_a_parser_holds_part_of_a_head_from_its_first_byte_to_its_last_but_one(kind: Any, name: str) -> None:
    message = MESSAGES[name]
    head_bytes = message.index(b"\r\n\r\n") + 4
    for size in range(len(message) + 1):
        parser = fed(kind, b"\r\n" + message[:size])
        assert holds_part(parser) == (0 < size < head_bytes), message[:size]
    assert holds_part(fed(kind, message + message[:3]))


@pytest.mark.parametrize("kind", [HttpRequestParserC, HttpRequestParserPy], ids=["compiled", "python"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET /" + b"a" * LEAST_URL_BYTES + b" HTTP/1.1\r\n", "uri_too_long"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * HEADER_BYTES + b"\r\n", "headers_too_large"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 2 * LEAST_URL_BYTES, "headers_too_large"),
    ],
)
async def test_a_long_url_and_a_long_header_are_told_apart(kind: Any, data: bytes, code: str) -> None:
    parser = fed(kind, b"")
    with pytest.raises(LineTooLong) as raised:
        parser.feed_data(data)
    error = parse_error(parser, raised.value, LEAST_URL_BYTES)
    assert error.error_type == code
    assert str(LEAST_URL_BYTES if code == "uri_too_long" else HEADER_BYTES) in error.message


def test_a_text_in_a_url_has_no_more_bytes_than_a_body() -> None:
    assert Settings(max_text_characters=100).max_query_bytes == 1200
    assert Settings(max_text_characters=1_000_000, max_body_bytes=5000).max_query_bytes == 5000


def fed(kind: Any, data: bytes) -> Any:
    """A parser as a connection makes it, which was fed ``data``."""
    loop = asyncio.get_running_loop()
    limits = {"max_line_size": LEAST_URL_BYTES, "max_field_size": HEADER_BYTES, "max_headers": 128}
    parser = kind(BaseProtocol(loop), loop, 2**16, **limits, auto_decompress=False, max_msg_queue_size=32)
    if data:
        parser.feed_data(data)
    return parser
