"""Forms to the calls of Coqui's tts-server. An input is a line with the header Content-Type, and the body."""

from __future__ import annotations

import random
from collections.abc import Iterator
from urllib.parse import quote

from aiohttp.test_utils import make_mocked_request

from server.errors import SpeechError
from server.routes.coqui_api import PROCESS_DIALECT, TTS_DIALECT
from tests.fuzz import mutation, texts
from tests.fuzz.target import Target

MULTIPART, URLENCODED = "multipart/form-data", "application/x-www-form-urlencoded"
BOUNDARIES = (
    "b",
    "----WebKitFormBoundary7MA4YWxkTrZu0gW",
    "x" * 70,
    "x" * 71,
    "a b",
    "",
    "b;c",
    "--",
    "'()+_,-./:=?",
    "\xff",
)
NAMES = (
    "text",
    "speaker_id",
    "language_id",
    "style_wav",
    "INPUT_TEXT",
    "VOICE",
    "AUDIO",
    "",
    "text\x00",
    "täxt",
    "a" * 2_000,
)
ENCODINGS = ("7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "gzip", "", "7bit\r\n 8bit")
PARAMETERS = (
    'name="{}"', "name={}", 'name="{}', "name*=utf-8''{}", "name*='", "name*0={}; name*1={}", "name*0*=utf-8''{}; name*1*=%ff",
    "name*0*=;\xffname*", "name=((((((((", 'name="\\"{}\\""', "name=\x00{}", "NAME={}", "name = {}", "name*9999999999={}",
    'name="{}"; name="b"', 'name="{}"; filename="x.wav"', "name={}; filename*=utf-8''x", "=?utf-8?b?bmFtZQ==?={}", ";a=b" * 300,
    "name=(a(b(c{})))", "name=%s{}", "name*=utf-8'" + "x" * 500 + "'{}",
)  # fmt: skip
HEADS = (
    "Content-Disposition: form-data; ", "content-disposition:form-data;", "Content-Disposition: attachment; ",
    "Content-Disposition : form-data; ", "Content-Disposition: ", "Content-Disposition: form-data;\r\n ", "X: ",
    "Content-Disposition: =?utf-8?q?form-data=3B?= ", "", "Content-Disposition: form-data; " + "a=b; " * 300,
)  # fmt: skip
ODD = (b"=?utf-8?q?=41?=", b"=?x?b?=====?=", b"%", b"%f", b"%00", b"+", b"&", b";", b"=", b"\x00", b"\xff\xfe", b"\r\n", b"--b", b"--b--",
       b"\r\n--b\r\n", b"\n", b"\r", b"(", b'"', b"\\", b"%ud83d", b"&amp;", b"a=" * 40, b"&a=b" * 120, b"utf-8''")  # fmt: skip


def make(rng: random.Random) -> bytes:
    if rng.random() < 0.6:
        content_type, body = _multipart(rng, rng.choice((1, 1, 2, 3)))
    else:
        content_type, body = (
            rng.choice((URLENCODED, f"{URLENCODED}; charset=utf-16", "", "a/b", "text/plain")),
            _plain(rng),
        )
    if rng.random() < 0.5:
        body = mutation.mutated(rng, body)
    for _ in range(rng.choice((0, 0, 1, 3))):
        at = rng.randint(0, len(body))
        body = body[:at] + rng.choice(ODD) * rng.choice((1, 1, 30)) + body[at:]
    return content_type.encode("utf-8", "surrogateescape").replace(b"\n", b" ") + b"\n" + body[: 256 * 1024]


def check(data: bytes) -> None:
    """Either call reads the form, or refuses it as the client's mistake."""
    content_type, _, body = data.partition(b"\n")
    headers = {"Content-Type": content_type.decode("utf-8", "surrogateescape").strip()}
    for call, path in ((TTS_DIALECT, "/api/tts"), (PROCESS_DIALECT, "/process")):
        try:
            call.parse(make_mocked_request("POST", path, headers=headers), body)
        except SpeechError as refusal:
            assert 400 <= refusal.status < 500


def known() -> Iterator[tuple[str, bytes]]:
    """The forms that took seconds of the event loop, or were a mistake of the server."""
    for depth in (40, 600, 3_000):
        yield f"nested {depth}", nested(depth)
    yield "parameters", _one(b"form-data" + b";a=b" * 16_000)
    yield "encoded words", _one(b"form-data; name=" + b"=?utf-8?q?=41?= " * 4_000)
    yield (
        "parts",
        b"multipart/form-data; boundary=b\n"
        + b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\na\r\n' * 4_000
        + b"--b--",
    )
    yield "headers", b"multipart/form-data; boundary=b\n--b\r\n" + b"A: b\r\n" * 40_000 + b"\r\n\r\n--b--"
    yield "boundaries", b"multipart/form-data; boundary=b\n" + b"\r\n--b" * 50_000
    yield "blanks", b"multipart/form-data; boundary=b\n--b" + b" " * 200_000 + b"\r\n\r\n--b--"
    for number, audio in enumerate((b"MP3_FILE", b"AU_FILE", b"mp3_file", b"\xff", b"WAVE_FILE%00")):
        yield f"audio {number}", b"application/x-www-form-urlencoded\nINPUT_TEXT=a&AUDIO=" + audio
    yield "comments", _one(b"form-data; name=" + b"(" * 2_000)
    yield "fields", b"application/x-www-form-urlencoded\n" + b"a=b&" * 60_000
    yield "percent signs", b"application/x-www-form-urlencoded\ntext=" + b"%e4" * 60_000
    for number, parameter in enumerate((b"name*=\"'", b"name*0*=;\xffname*", b"name=a\x00b", b"name*0=a; name*1")):
        yield f"parameter {number}", _one(b"form-data; " + parameter)


def nested(depth: int) -> bytes:
    """A multipart form within a multipart form, and so on, with every line matched against every open boundary."""
    heads = b"".join(
        b"--b%d\r\nContent-Type: multipart/form-data; boundary=b%d\r\n\r\n" % (level, level + 1)
        for level in range(depth)
    )
    return b"multipart/form-data; boundary=b0\n" + (heads + b"a\r\n" * 10_000)[: 256 * 1024]


def _one(disposition: bytes) -> bytes:
    return (
        b"multipart/form-data; boundary=b\n--b\r\nContent-Disposition: " + disposition + b"\r\n\r\nHello\r\n--b--\r\n"
    )


def _multipart(rng: random.Random, depth: int) -> tuple[str, bytes]:
    """Its header and body; in a part there may be such a form again."""
    boundary = rng.choice(BOUNDARIES) + str(depth)
    style = rng.choice(
        (
            '; boundary="{}"',
            "; boundary={}",
            "; boundary*=utf-8''{}",
            "; boundary={}; boundary=x",
            "",
            ";boundary={};charset=x",
        )
    )
    line = rng.choice(("\r\n", "\r\n", "\r\n", "\n", "\r")).encode()
    parts = []
    for _ in range(rng.choice((0, 1, 2, 5, 120 if depth == 1 else 3))):
        parameter = rng.choice(PARAMETERS).replace("{}", rng.choice(NAMES))
        head = (rng.choice(HEADS) + parameter).encode("utf-8", "surrogateescape")
        content = _content(rng)
        if rng.random() < 0.3:
            head += line + f"Content-Transfer-Encoding: {rng.choice(ENCODINGS)}".encode()
        if depth > 1 and rng.random() < 0.5:
            inner, content = _multipart(rng, depth - 1)
            head += line + f"Content-Type: {inner}".encode("utf-8", "surrogateescape")
        parts.append(line.join((b"--" + boundary.encode("utf-8"), head, b"", content)))
    end = rng.choice((b"--" + boundary.encode("utf-8") + b"--", b"", b"--" + boundary.encode("utf-8")))
    return f"{MULTIPART}{style.replace('{}', boundary)}", line.join((*parts, end))


def _plain(rng: random.Random) -> bytes:
    pairs = []
    for _ in range(rng.choice((0, 1, 3, 99, 101))):
        value = _content(rng)
        written = quote(value, safe=rng.choice(("", "/ ÿ"))).encode() if rng.random() < 0.5 else value
        pairs.append(rng.choice(NAMES).encode() + rng.choice((b"=", b"=", b"", b"==")) + written)
    return rng.choice((b"&", b"&", b";", b"&&")).join(pairs)


def _content(rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return rng.randbytes(rng.choice((0, 1, 20, 400)))
    return texts.text(rng)[: rng.choice((5, 50, 500))].encode(rng.choice(("utf-8", "utf-8", "utf-16", "utf-7")))


TARGET = Target("forms", make, check, share=0.14, known=known, binary=True)
