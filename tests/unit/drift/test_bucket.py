"""Places in an object store, and what a hostile or broken one may hold; the store is a fake that says anything."""

from __future__ import annotations

import gzip
import os
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from drift.bucket_address import BucketAddress, event_source
from drift.errors import EventsUnreachable
from drift.rows import bucket
from drift.rows.__main__ import main
from drift.rows.bucket import Bucket
from drift.rows.store import Rows
from tests.unit.drift.events import NOW, line, lines, numbers, record

ADDRESS = BucketAddress("speech", "events")


class FakeStore:
    """Lists whatever names it is given, and answers with their contents."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.asked: list[str] = []
        store = self

        class Route(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                place = urlsplit(self.path)
                if "list-type" in place.query:
                    return self._answer(200, store.listing())
                store.asked.append(unquote(place.path))
                content = store.contents.get(unquote(place.path).removeprefix("/speech/"))
                return self._answer(404, b"") if content is None else self._answer(200, content)

            def do_HEAD(self) -> None:
                self.do_GET()

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Route)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def listing(self) -> bytes:
        rows = (
            f"<Contents><Key>{escape(name, {chr(10): '&#10;'})}</Key><Size>{len(content)}</Size>"
            "<LastModified>2026-11-24T08:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for name, content in self.contents.items()
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>".encode()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStore]:
    store = FakeStore()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{store.server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    yield store
    store.server.shutdown()
    store.server.server_close()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("s3://speech", "speech"),
        ("s3://speech/", "speech"),
        ("s3://speech/events/lyon", "speech/events/lyon"),
        ("s3://speech/year=2026/", "speech/year=2026"),
    ],
)
def test_an_address_names_a_bucket_and_a_folder(text: str, path: str) -> None:
    source = event_source(text)
    assert isinstance(source, BucketAddress)
    assert source.path == path


@pytest.mark.parametrize(
    "text", ["s3://", "s3://A/b", "s3://speech/../other", "s3://key:secret@speech", "s3:/speech", "s3://speech//a"]
)
def test_another_address_is_refused_without_being_repeated(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="must be s3://BUCKET") as refused:
        event_source(text)
    assert "secret" not in str(refused.value)
    with pytest.raises(SystemExit):
        main([str(tmp_path), text])
    told = capsys.readouterr().err
    assert "must be s3://BUCKET" in told
    assert "secret" not in told


def test_anything_else_is_a_path() -> None:
    assert event_source("var/events") == Path("var/events")


def test_names_that_lead_elsewhere_are_counted_and_never_asked_for(store: FakeStore, tmp_path: Path) -> None:
    bad = ["events/../keys.jsonl", "events//a.jsonl", "events/./a.jsonl", "events/a\nb.jsonl", "events/%2e%2e/a.jsonl"]
    store.contents = {name: lines(1) for name in bad} | {"events/good.jsonl": lines(2, 3)}
    rows = Rows(tmp_path)
    report = rows.ingest([ADDRESS], now=NOW, judged_until=None)
    assert numbers(rows) == [2, 3]
    assert len(report.unreadable) == len(bad)
    assert set(store.asked) == {"/speech/events/good.jsonl"}


BROKEN = {
    "binary": random.Random(1).randbytes(1000),
    "cut off": lines(8)[:-20],
    "not OTLP": b"[[[[]]]]\n{}\n",
    "deep": b"[" * 100_000 + b"\n",
    "foreign": line(record(9, event="another")),
}


def test_broken_contents_cost_nothing_but_themselves(store: FakeStore, tmp_path: Path) -> None:
    store.contents = {f"events/{n}.jsonl": content for n, content in enumerate(BROKEN.values())}
    store.contents |= {"events/broken.json.gz": b"no gzip", "events/half.json.gz": gzip.compress(lines(4) * 50)[:-30]}
    store.contents |= {
        "events/picture.png": lines(5),
        "events/empty.jsonl": b"",
        "events/z.json.gz": gzip.compress(lines(1)),
    }
    rows = Rows(tmp_path)
    report = rows.ingest([ADDRESS], now=NOW, judged_until=None)
    assert numbers(rows) == [1]
    assert set(report.unreadable) == {"speech/events/broken.json.gz", "speech/events/half.json.gz"}
    assert report.torn
    assert report.foreign == 1
    assert rows.ingest([ADDRESS], now=NOW, judged_until=None).bytes == 0


def test_a_small_object_that_unpacks_to_a_large_one_is_given_up(
    store: FakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "LARGEST", 4 * 2**20)
    store.contents = {"events/bomb.json.gz": gzip.compress(b" " * 2**24), "events/good.json": lines(1)}
    rows = Rows(tmp_path)
    report = rows.ingest([ADDRESS], now=NOW, judged_until=None)
    assert report.unreadable == {"speech/events/bomb.json.gz": "it is too large"}
    assert numbers(rows) == [1]


def test_an_object_that_is_gone_is_counted(store: FakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.contents = {"events/a.jsonl": lines(1), "events/b.jsonl": lines(2)}
    objects = Bucket(ADDRESS).objects()
    monkeypatch.setattr(Bucket, "objects", lambda _: objects)
    del store.contents["events/a.jsonl"]
    rows = Rows(tmp_path)
    report = rows.ingest([ADDRESS], now=NOW, judged_until=None)
    assert list(report.unreadable) == ["speech/events/a.jsonl"]
    assert numbers(rows) == [2]


def test_a_store_that_is_gone_fails_the_ingest_and_keeps_the_address_of_its_server(
    store: FakeStore, tmp_path: Path
) -> None:
    store.contents = {"events/a.jsonl": lines(1)}
    store.server.shutdown()
    store.server.server_close()
    with pytest.raises(EventsUnreachable, match="s3://speech/events can't be listed") as failed:
        Rows(tmp_path).ingest([ADDRESS], now=NOW, judged_until=None)
    assert str(store.server.server_port) not in str(failed.value)
