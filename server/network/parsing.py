"""What aiohttp's parsers of requests, the compiled one and the one in Python, reveal about a request in progress."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong, PayloadEncodingError
from aiohttp.http_parser import HttpParser, HttpRequestParserPy

from server.errors import BadRequest, HeadersTooLarge, SpeechError, UriTooLong

LEAST_URL_BYTES = 8192
"""The URL limit without a text, and the room for all else beside one. It differs from HEADER_BYTES, by which
``parse_error`` tells a long URL from a long header."""
HEADER_BYTES = 8190
"""The limit of a header's name and value."""
MOST_HEADER_BYTES = 32 * 1024
"""The limit of all headers of a request. aiohttp's own would be 128 headers of HEADER_BYTES: 1 MB a connection."""


def parse_error(parser: HttpParser[Any] | None, exc: BaseException | None, url_bytes: int) -> SpeechError:
    """Returns the client's error for an exception of ``parser``, whose limit of a URL is ``url_bytes``."""
    if not isinstance(exc, LineTooLong):
        return BadRequest("this is not an HTTP/1.1 request")
    _, limit, _ = exc.args
    # The parser in Python applies the limit of a URL to every incomplete line.
    if limit == url_bytes and not getattr(parser, "_lines", None):
        return UriTooLong(f"the URL may have at most {url_bytes} bytes; POST takes a text of any allowed length")
    return headers_too_large()


def headers_too_large() -> HeadersTooLarge:
    """Returns the error for a header, or all headers, that are too long."""
    return HeadersTooLarge(
        f"a header may have at most {HEADER_BYTES} bytes, and all headers together {MOST_HEADER_BYTES}"
    )


def header_bytes(request: web.BaseRequest) -> int:
    """Returns the size of all headers, with ": " and the line break of each."""
    return sum(len(name) + len(value) + 4 for name, value in request.raw_headers)


def malformation(request: web.BaseRequest) -> SpeechError | None:
    """Returns the error of a request that the parser accepts, but whose headers are too long or whose Host is invalid;
    None if there is none."""
    if header_bytes(request) > MOST_HEADER_BYTES:
        return headers_too_large()
    try:
        request.url  # noqa: B018 - computed once; yarl raises for a port such as 99999, wherever it is first asked for
    except ValueError:
        return BadRequest("the header Host is not a valid name and port")
    return None


def holds_part(parser: HttpParser[Any] | None) -> bool:
    """Returns whether ``parser`` holds part of a request's head. It can't be used any more afterwards."""
    if parser is None:
        return False
    if isinstance(parser, HttpRequestParserPy):
        return bool(parser._lines or parser._tail.strip(b"\r\n"))
    try:
        return parser.feed_eof() is not None
    except PayloadEncodingError:  # the part of a body, whose request has been passed on
        return False
    except HttpProcessingError:
        return True
