"""Tests that forms of browsers and curl are parsed, and that anything else is rejected cheaply."""

from __future__ import annotations

import email
import sys
from collections.abc import Callable, Iterable
from email.policy import HTTP
from typing import Any

import aiohttp
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from server.errors import InvalidRequest
from server.routes.forms import MAX_FIELDS, MAX_HEADER_BYTES, MULTIPART, URLENCODED, read_form
from tests.examples import examples

LARGEST = 256 * 1024
"""The default of TTSCOPE_MAX_BODY_BYTES, in bytes."""
MOST_LINES = 400_000
"""The limit of Python lines executed per form: about 30 ms, in a thread. Most are urllib's, for 256 KB of escapes."""
HEAD = b'Content-Disposition: form-data; name="text"'
B = f"{MULTIPART}; boundary=b"


def part(head: bytes = HEAD, value: bytes = b"x") -> bytes:
    return b"--b\r\n" + head + b"\r\n\r\n" + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


def filled(unit: bytes, before: bytes = b"", after: bytes = b"", size: int = LARGEST) -> bytes:
    """Returns a body of ``size`` bytes filled with repetitions of ``unit``."""
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def nested(depth: int, size: int) -> bytes:
    heads = "".join(f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(depth))
    return filled(b"x\r\n", heads.encode(), size=size)


DISPOSITION = b"Content-Disposition: form-data; name="
HOSTILE: dict[str, tuple[str, bytes]] = {
    "nested 600 deep, 70 KB": (f"{MULTIPART}; boundary=b0", nested(600, 70_000)),
    "nested 800 deep, 256 KB": (f"{MULTIPART}; boundary=b0", nested(800, LARGEST)),
    "64 KB of parameters": (B, form(part(filled(b";a=b", HEAD, size=65_536)))),
    "64 KB of encoded words": (B, form(part(filled(b"=?utf-8?q?a?= ", DISPOSITION + b'"', b'"', size=65_536)))),
    "an empty extended name": (B, form(part(b"Content-Disposition: form-data; name*=\"'"))),
    "a name in pieces": (B, form(part(b"Content-Disposition: form-data; name*0*=;\xff name*"))),
    "a charset with NUL": (B, form(part(b"Content-Disposition: form-data; name*=a\x00b''x"))),
    "an RFC 2231 name": (B, form(part(b"Content-Disposition: form-data; name*=utf-8''text"))),
    "1,600 parts": (B, form(*[part()] * 1600)),
    "one part too many": (B, form(*[part(b'Content-Disposition: form-data; name="%d"' % n) for n in range(101)])),
    "9 headers": (B, form(part(HEAD + b"".join(b"\r\nX-%d: 1" % n for n in range(8))))),
    "headers of 1,100 bytes together": (B, form(part(HEAD + (b"\r\nX: " + b"1" * 250) * 4))),
    "100 parts, each with headers of 1 KB": (
        B,
        form(*[part(b"X:" + b" " * 480 + b"1\r\nY:" + b" " * 400 + b"1\r\n" + HEAD)] * MAX_FIELDS),
    ),
    "a header without an end": (B, filled(b"a", b"--b\r\nContent-Disposition: ")),
    "spaces before each header's value": (B, filled(part(b"X:" + b" " * 1000 + b"1\r\n" + HEAD), after=b"--b--\r\n")),
    "boundaries that are none": (B, form(part(value=filled(b"\r\n--bx", size=LARGEST - 100)))),
    "a boundary and blanks": (B, filled(b" ", part() + b"--b", b"\r\n")),
    "no last boundary": (B, part()),
    "no part": (B, filled(b"\r\n")),
    "no boundary": (MULTIPART, form(part())),
    "a boundary of no characters": (f'{MULTIPART}; boundary=""', form(part())),
    "a boundary of 71 characters": (f"{MULTIPART}; boundary={'b' * 71}", form(part())),
    "8 KB of Content-Type": (f"{MULTIPART}{';a=b' * 2000}; boundary=b", form(part())),
    "quotes without end": (f'{MULTIPART}; boundary="{";" * 900}', form(part())),
    "base64": (B, form(part(HEAD + b"\r\nContent-Transfer-Encoding: base64"))),
    "fields": (URLENCODED, b"&".join(b"a%d=1" % n for n in range(101))),
    "256 KB of &": (URLENCODED, filled(b"&")),
}


def lines_run(call: Callable[[], Any]) -> int:
    """Returns the number of Python lines that ``call`` executes, a measure of work that no machine affects."""
    count = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except InvalidRequest:
        pass
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_form_is_refused_in_few_steps(name: str) -> None:
    content_type, body = HOSTILE[name]
    with pytest.raises(InvalidRequest):
        read_form(content_type, body)
    assert lines_run(lambda: read_form(content_type, body)) < MOST_LINES


DEAR: dict[str, tuple[str, bytes]] = {
    "a deep comment": (B, form(part(DISPOSITION + b"(" * 900))),
    "100 parts, blanks in their headers": (
        B,
        form(*[part(b"X:" + b" " * 100 + b"1\r\n" + HEAD)] * MAX_FIELDS),
    ),
    "one long value of line breaks": (B, form(part(value=filled(b"\r\n-", size=LARGEST - 100)))),
    "256 KB of escapes": (URLENCODED, filled(b"%C3%A9", b"text=")),
    "256 KB of =": (URLENCODED, filled(b"=")),
}


@pytest.mark.parametrize("name", DEAR)
def test_the_dearest_forms_take_few_steps(name: str) -> None:
    assert lines_run(lambda: read_form(*DEAR[name])) < MOST_LINES


def test_the_counter_would_see_a_dear_parser() -> None:
    def by_email() -> None:
        email.message_from_bytes(
            b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + nested(100, 20_000), policy=HTTP
        )

    assert lines_run(by_email) > MOST_LINES


NAMES = st.text(st.characters(codec="utf-8", exclude_characters='\r\n"\\'), min_size=1, max_size=20)
VALUES = st.text(st.characters(codec="utf-8"), max_size=200).filter(lambda value: "\r\n--" not in value)


@given(st.dictionaries(NAMES, VALUES, max_size=MAX_FIELDS))
def test_what_is_sent_is_read(fields: dict[str, str]) -> None:
    disposition = 'Content-Disposition: form-data; name="{}"'
    parts = [part(disposition.format(name).encode(), value.encode()) for name, value in fields.items()]
    assert read_form(B, form(*parts)) == fields


async def test_the_form_of_aiohttps_client_is_read() -> None:
    writer = aiohttp.FormData({"text": "Grüße", "speaker_id": "joe"}, default_to_multipart=True)()
    assert read_form(writer.content_type, await writer.as_bytes()) == {"text": "Grüße", "speaker_id": "joe"}


@pytest.mark.parametrize(
    ("parts", "fields"),
    [
        ([part(value=b"a"), part(value=b"b")], {"text": "a"}),
        ([part(b'content-disposition: FORM-DATA; NAME="text"')], {"text": "x"}),
        ([part(b"Content-Disposition: form-data; name=text")], {"text": "x"}),
        ([part(HEAD + b'; filename="x.wav"\r\nContent-Type: audio/wav'), part(value=b"y")], {"text": "y"}),
        ([part(HEAD + b"; filename*=utf-8''x.wav")], {}),
        ([part(HEAD + b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 1")], {"text": "x"}),
        ([part(value=b"\xff")], {"text": "\udcff"}),
        ([part(value=b"a\x00b")], {"text": "a\x00b"}),
        ([], {}),
    ],
)
def test_of_a_form(parts: Iterable[bytes], fields: dict[str, str]) -> None:
    assert read_form(B, form(*parts)) == fields


def test_what_is_not_declared_multipart_is_url_encoded() -> None:
    for kind in (URLENCODED, "", "text/plain; multipart/form-data"):
        assert read_form(kind, b"text=a+b%26&text=c&x=%ff") == {"text": "a b&", "x": "\udcff"}
    assert read_form(B, b"") == {}


DELIMITERS = [b"--b", b"--b--", b"--b \t", b"\r\n", b"\r", b"\n", b"\r\n\r\n"]
HEADERS = [
    HEAD,
    DISPOSITION,
    b"Content-Type: multipart/x",
    b"Content-Transfer-Encoding: ",
    b"form-data",
    b"name",
    b":",
    b" ",
]
SIGNS = [
    b";",
    b"=",
    b'"',
    b"\\",
    b"'",
    b"(",
    b"*",
    b"*0*",
    b"filename*",
    b"=?utf-8?b?",
    b"%",
    b"%ff",
    b"&",
    b"+",
    b"\x00",
]
PIECES = st.sampled_from([*DELIMITERS, *HEADERS, *SIGNS, b"\xff", b"\xc3\xa9", b"x" * MAX_HEADER_BYTES])
BODIES = st.lists(PIECES | st.binary(max_size=8), max_size=60).map(b"".join)
TYPES = st.sampled_from([B, f'{MULTIPART}; boundary="b"', URLENCODED]) | st.lists(
    st.sampled_from([MULTIPART, ";", "boundary", "=", "b", '"', "*", "'", "(", "\udcff", "\x00", " ", "charset"]),
    max_size=20,
).map("".join)


@given(TYPES, BODIES, st.booleans())
@settings(max_examples=examples(500), deadline=None)
@example(B, form(part(DISPOSITION + b"(" * 900)), False)
def test_no_form_is_a_mistake_of_ours(content_type: str, body: bytes, framed: bool) -> None:
    """Parsing raises only InvalidRequest, and fields have text names and values."""
    try:
        fields = read_form(content_type, part() + body + b"\r\n--b--" if framed else body)
    except InvalidRequest:
        return
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in fields.items())
    assert len(fields) <= MAX_FIELDS
