"""Event files of many servers in a real S3-compatible object store, judged by one drift job."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from drift.bucket_address import BucketAddress
from drift.errors import EventsUnreachable
from drift.rows import bucket
from drift.rows.store import Rows
from drift.settings import Settings
from drift.state.state_folder import StateFolder, name_of
from drift.verdict.judge import judge
from tests.drift_job import START, event, job_of, settings_of, write_events
from tests.s3_server import BUCKET, SECRET_KEY, S3Server

pytestmark = pytest.mark.timeout(900)  # the first test builds the store

MINUTE = timedelta(minutes=1)
ROWS = 240
SERVERS = 3
WINDOWS = 3
SLOW = WINDOWS - 1
"""The window whose requests take longer."""


@pytest.fixture
def place(bucket_variables: None) -> BucketAddress:
    """A folder of the test's own in the bucket."""
    return BucketAddress(BUCKET, uuid4().hex)


def put(place: BucketAddress, name: str, content: bytes) -> None:
    with bucket.connect().open_output_stream(f"{place.path}/{name}", compression=None) as stream:
        stream.write(content)


def window_of_events(folder: Path, number: int) -> dict[str, bytes]:
    """The requests of a window as its servers write them, by the names of files."""
    start, duration = START + number * MINUTE, 0.5 if number == SLOW else 0.2
    records = [event(start + n * MINUTE / ROWS, n + 1000 * number, duration * (1 + n % 7 / 50)) for n in range(ROWS)]
    contents = {}
    for server in range(SERVERS):
        path = folder / f"server-{server}" / f"requests-{number}.jsonl"
        write_events(path, records[server::SERVERS])
        contents[str(path.relative_to(folder))] = path.read_bytes()
    return contents


def as_objects(contents: dict[str, bytes]) -> dict[str, bytes]:
    """The same files in the three forms that there are: as they were rotated, as single documents, packed."""
    objects = {}
    for name, content in contents.items():
        lines = content.splitlines()
        match name.split("/")[0]:
            case "server-0":
                objects[name] = content
            case "server-1":
                objects |= {f"{name}/logs_{number}.json": line for number, line in enumerate(lines[:3])}
                objects[f"{name}/logs_rest.json"] = b"\n".join(lines[3:])
            case _:
                objects[f"{name}.gz"] = gzip.compress(content)
    return objects


def verdicts(settings: Settings, now: datetime) -> dict[str, dict[str, object]]:
    """What a job says of each window, but for the id of its reference."""
    state = StateFolder.open(settings.state)
    job_of(settings, now, judging=judge).run()
    found = {name: json.loads((state.window(name) / "verdict.json").read_text()) for name in state.names()}
    return {name: {**verdict, "reference": None} for name, verdict in found.items()}


def test_the_verdict_is_that_of_a_folder(place: BucketAddress, tmp_path: Path) -> None:
    options = {"window_seconds": 60, "grace_seconds": 0, "cold_windows": 2, "automatic": True, "consecutive": 1}
    contents = {}
    for number in range(WINDOWS):
        contents |= window_of_events(tmp_path / "servers", number)
    (tmp_path / "folder" / "events").mkdir(parents=True)
    for name, content in contents.items():
        (tmp_path / "folder" / "events" / name.replace("/", "-")).write_bytes(content)
    for name, content in as_objects(contents).items():
        put(place, name, content)
    put(place, "server-9/requests.jsonl", b"\x00\xff{[" * 1000)
    put(place, "server-9/requests.json.gz", b"no gzip")
    now = START + WINDOWS * MINUTE
    folder = verdicts(settings_of(tmp_path / "folder", **options), now)
    store = verdicts(settings_of(tmp_path / "store", **options).model_copy(update={"events": (place,)}), now)
    assert list(folder) == [name_of(START + number * MINUTE) for number in range(WINDOWS)]
    assert [verdict["rows"] for verdict in store.values()] == [ROWS] * WINDOWS
    assert [verdict["state"] for verdict in folder.values()][-1] == "drift"
    assert store == folder


def test_a_place_without_events_is_empty_and_a_bucket_that_is_missing_or_closed_an_error(
    place: BucketAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Rows(tmp_path)
    assert rows.ingest([place], now=START, judged_until=None).problems() == {}
    with pytest.raises(EventsUnreachable, match=r"s3://missing/events can't be listed \(NO_SUCH_BUCKET\)"):
        rows.ingest([BucketAddress("missing", "events")], now=START, judged_until=None)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(EventsUnreachable, match=r"\([A-Z_]+\)"):
        rows.ingest([place], now=START, judged_until=None)


class Interrupted(Exception):
    """Ends an ingest as a crash does."""


def test_each_object_is_read_once_and_an_interruption_changes_nothing(place: BucketAddress, tmp_path: Path) -> None:
    for name, content in as_objects(window_of_events(tmp_path / "servers", 0)).items():
        put(place, name, content)
    now = START + MINUTE
    steps: list[str] = []
    Rows(tmp_path / "counted", step=steps.append, commit_bytes=20_000).ingest([place], now=now, judged_until=None)
    for stop in range(3, len(steps), 40):
        left = iter(range(stop))

        def interrupt(_: str, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Interrupted

        with pytest.raises(Interrupted):
            Rows(tmp_path / f"rows-{stop}", step=interrupt, commit_bytes=20_000).ingest(
                [place], now=now, judged_until=None
            )
        rows = Rows(tmp_path / f"rows-{stop}")
        rows.ingest([place], now=now, judged_until=None)
        assert rows.window(START, now, most=1000).count == ROWS
        assert rows.ingest([place], now=now, judged_until=None).bytes == 0
    more = window_of_events(tmp_path / "servers", 1)["server-0/requests-1.jsonl"]
    put(place, "server-0/requests-1.jsonl", more)
    assert rows.ingest([place], now=now, judged_until=None).bytes == len(more)


def test_nothing_is_judged_while_the_store_is_away(
    place: BucketAddress,
    s3: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(bucket, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(bucket, "ATTEMPTS", 1)
    caplog.set_level(logging.DEBUG)
    for name, content in window_of_events(tmp_path / "servers", 0).items():
        put(place, name, content)
    settings = settings_of(tmp_path, window_seconds=60, grace_seconds=0).model_copy(update={"events": (place,)})
    job_of(settings, START + MINUTE).run()
    for name, content in window_of_events(tmp_path / "servers", 1).items():
        put(place, name, content)
    s3.halt()
    try:
        with pytest.raises(EventsUnreachable) as hanging:
            job_of(settings, START + 2 * MINUTE).run()
    finally:
        s3.go_on()
    s3.kill()
    try:
        with pytest.raises(EventsUnreachable) as gone:
            job_of(settings, START + 2 * MINUTE).run()
    finally:
        s3.start()
    assert StateFolder.open(settings.state).names() == [name_of(START)]
    result = job_of(settings, START + 2 * MINUTE).run()
    assert [verdict.rows for verdict in result.judged] == [ROWS]
    for secret in (SECRET_KEY, str(s3.port)):
        assert secret not in f"{hanging.value} {gone.value} {caplog.text}"
