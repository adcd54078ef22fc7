"""Parses forms of browsers and curl within limits: no form is expensive to parse or causes an internal error."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from server.errors import InvalidRequest
from server.logs import LOGGER
from server.routes.requests import media_type

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MAX_FIELDS = 100
MAX_HEADER_BYTES = 1024
"""The maximum total bytes of one part's headers; browsers and curl send about 100."""
MAX_ALL_HEADERS_BYTES = 16 * MAX_HEADER_BYTES
"""The maximum bytes of all parts' headers, since the parser skips spaces before a header's value one by one."""
MAX_BOUNDARY_BYTES = 70
"""RFC 2046, 5.1.1."""
UNENCODED = (b"", b"7bit", b"8bit", b"binary")
"""The transfer encodings that leave data unchanged; RFC 7578, 4.7, has no others."""
FILE_NAME = re.compile(rb";\s*filename\*", re.IGNORECASE)
"""The extended file name parameter, which RFC 7578 forbids and some clients send."""
Fields = Mapping[str, str]


def read_form(content_type: str, body: bytes) -> Fields:
    """Returns a form's fields, without files; for a repeated name, the first value.

    Bytes that are not UTF-8 become lone surrogates, which later text checks reject. ``content_type`` is the request's
    header; anything but multipart/form-data is parsed as URL-encoded. Raises InvalidRequest.
    """
    if not body:
        return {}
    if media_type(content_type) == MULTIPART:
        return _multipart(content_type, body)
    try:
        fields = parse_qs(_text(body), errors="surrogateescape", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidRequest(f"the form has more than {MAX_FIELDS} fields") from None
    return {name: values[0] for name, values in fields.items()}


def _multipart(content_type: str, body: bytes) -> Fields:
    boundary = _boundary(content_type)
    delimiter = b"\r\n--" + boundary
    # The parser scans the bytes after each delimiter one by one, even if the delimiter does not end a part.
    if body.count(delimiter) > MAX_FIELDS + 1:
        raise _too_many_parts()
    if re.search(re.escape(delimiter) + rb"[ \t]", body):
        raise InvalidRequest("the form can't be read: a boundary must not be followed by blanks")
    return _Parts().read(boundary, body)


def _boundary(content_type: str) -> bytes:
    if len(content_type) > MAX_HEADER_BYTES:
        raise InvalidRequest(f"the header Content-Type is longer than {MAX_HEADER_BYTES} characters")
    _, options = parse_options_header(content_type.encode("utf-8", "surrogateescape"))
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
        raise InvalidRequest(
            f"the header Content-Type of a multipart form must have a boundary of 1 to {MAX_BOUNDARY_BYTES} characters"
        )
    return boundary


def _too_many_parts() -> InvalidRequest:
    return InvalidRequest(f"the form has more than {MAX_FIELDS} parts")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


class _Parts:
    """Collects the fields of one multipart body from the parser's callbacks, which give offsets into that body."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}
        self._count = 0
        self._headers_bytes = 0
        self._start = self._stop = -1  # offsets of the current part's headers
        self._headers: dict[bytes, bytes] = {}
        self._header = b""
        self._name: str | None = None
        self._value = bytearray()
        self._ended = False

    def read(self, boundary: bytes, body: bytes) -> Fields:
        """Returns the fields. Raises InvalidRequest."""
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
            max_header_size=MAX_HEADER_BYTES,
        )
        parser.logger = _silent_logger()
        try:
            parser.write(body)
        except FormParserError:
            raise InvalidRequest(
                "the form can't be read: it must be multipart/form-data as of RFC 7578, "
                f"with at most {MAX_HEADER_BYTES} bytes of headers per part"
            ) from None
        if not self._ended:
            raise InvalidRequest("the form ends before its last boundary")
        return self._fields

    def _begin(self) -> None:
        self._count += 1
        if self._count > MAX_FIELDS:
            raise _too_many_parts()
        self._start, self._stop, self._headers, self._name, self._value = -1, -1, {}, None, bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        if self._start < 0:
            self._start = start
        self._header = data[start:end].lower()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        if end - self._start > MAX_HEADER_BYTES:
            raise InvalidRequest(f"a part of the form has more than {MAX_HEADER_BYTES} bytes of headers")
        self._headers[self._header] = data[start:end].strip()
        self._stop = end

    def _headers_finished(self) -> None:
        self._headers_bytes += self._stop - self._start
        if self._headers_bytes > MAX_ALL_HEADERS_BYTES:
            raise InvalidRequest(f"the form has more than {MAX_ALL_HEADERS_BYTES} bytes of headers in all its parts")
        if self._headers.get(b"content-type", b"").lower().startswith(b"multipart/"):
            raise InvalidRequest("a part of the form is a form itself; forms can't be nested")
        if self._headers.get(b"content-transfer-encoding", b"").lower() not in UNENCODED:
            raise InvalidRequest("a part of the form has a Content-Transfer-Encoding; send the part without one")
        disposition = self._headers.get(b"content-disposition", b"")
        kind, options = parse_options_header(disposition)
        if kind != b"form-data" or b"name" not in options:
            raise InvalidRequest('a part of the form has no header Content-Disposition: form-data; name="..."')
        if b"filename" not in options and not FILE_NAME.search(disposition):
            self._name = _text(options[b"name"])

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name is not None:
            self._value += data[start:end]

    def _end_part(self) -> None:
        if self._name is not None:
            self._fields.setdefault(self._name, _text(bytes(self._value)))

    def _end(self) -> None:
        self._ended = True


def _silent_logger() -> logging.Logger:
    """Returns a disabled logger for the parser, which would log errors together with bytes of the client."""
    logger = logging.getLogger(f"{LOGGER}.form")
    logger.disabled = True
    return logger
