"""Shared files in a real S3-compatible object store, which also hangs, refuses and goes away.

Writers at the same instant are not tested: versitygw compares and writes in two steps, which AWS S3 does in one.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from drift.bucket_address import event_source
from drift.prediction.shared_model import NAME as MODEL_NAME
from drift.prediction.shared_model import SharedModel
from server.errors import SharedStoreUnavailable
from server.shared import bucket_store
from server.shared.bucket_store import BucketStore
from server.shared.object_store import ObjectStore
from server.shared.shared_files import MARK, SharedFiles
from server.shared.store_address import open_shared_files
from server.voices.recordings import SAMPLE_RATE
from server.voices.tenant_recordings import RECORDINGS_FOLDER, TenantRecordings
from tests.cloning_provider import pitch, tone
from tests.s3_server import BUCKET, SECRET_KEY, S3Server
from tests.store_behaviour import *  # noqa: F403 - the tests that all stores pass
from tests.store_behaviour import NAME

pytestmark = pytest.mark.timeout(900)  # the first test builds the store


@pytest.fixture
def prefix(bucket_variables: None) -> str:
    """A place of the test's own in the bucket."""
    return uuid4().hex


@pytest.fixture
def store(prefix: str) -> ObjectStore:
    return BucketStore(BUCKET, prefix)


def replica(tmp_path: Path, prefix: str, name: str) -> SharedFiles:
    files = open_shared_files(f"s3://{BUCKET}/{prefix}", tmp_path / name)
    assert files is not None
    return files


def test_what_lies_beside_the_prefix_is_not_listed(store: ObjectStore, prefix: str) -> None:
    BucketStore(BUCKET, f"{prefix}-other").write(NAME, b"other", None)
    assert store.list() == {}


def test_more_objects_than_a_page_are_listed(store: ObjectStore) -> None:
    names = {f"samples/default/v{number}.wav" for number in range(1_010)}
    for name in names:
        store.write(name, b"x", None)
    assert store.list().keys() == names


def test_voices_are_those_of_all_servers(tmp_path: Path, prefix: str) -> None:
    one, other = (
        TenantRecordings(files.folder / RECORDINGS_FOLDER, shared=files)
        for files in (replica(tmp_path, prefix, "a"), replica(tmp_path, prefix, "b"))
    )
    for hertz in (300, 500):
        registered = one.of("red").put("ann", tone(hertz))
        other._shared.look()
        found = other.find("red", "ann")
        assert found is not None
        assert found.checksum == registered.checksum
        assert pitch(found.read(), SAMPLE_RATE) == hertz
    other.of("red").remove("ann")
    one._shared.look()
    assert one.all() == other.all() == []


def test_a_store_that_is_killed_is_missed_and_found_again(
    tmp_path: Path, prefix: str, s3: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    files = replica(tmp_path, prefix, "a")
    files.change(NAME, lambda draft: draft.write_text("first"))
    s3.kill()
    try:
        with pytest.raises(SharedStoreUnavailable, match="the object store failed"):
            files.change(NAME, lambda draft: draft.write_text("second"))
        with pytest.raises(SharedStoreUnavailable):
            files.look()
        assert (files.folder / NAME).read_text() == "first"
    finally:
        s3.start()
    files.change(NAME, lambda draft: draft.write_text("third"))
    assert files.look() == frozenset()
    for secret in (SECRET_KEY, str(s3.port), BUCKET):
        assert secret not in caplog.text


def test_a_store_that_hangs_is_given_up(
    tmp_path: Path, prefix: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_store, "TIMEOUT", timedelta(seconds=0.2))
    files = replica(tmp_path, prefix, "a")
    files.look()
    s3.halt()
    try:
        with pytest.raises(SharedStoreUnavailable):
            files.look()
    finally:
        s3.go_on()
    files.change(NAME, lambda draft: draft.write_text("first"))
    assert (files.folder / MARK).exists()


@pytest.mark.parametrize(("variable", "value"), [("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "nobody")])
def test_wrong_credentials_are_named_and_not_shown(
    variable: str, value: str, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(
        SharedStoreUnavailable, match=r"can't be used: (Permission denied|the object store failed)"
    ) as raised:
        replica(tmp_path, prefix, "a").look()
    assert value not in raised.value.message


def test_a_bucket_that_does_not_exist_is_an_error(tmp_path: Path, prefix: str) -> None:
    files = SharedFiles(tmp_path / "a", BucketStore("nowhere", prefix))
    with pytest.raises(SharedStoreUnavailable):
        files.look()


def test_many_threads_use_one_store(store: ObjectStore) -> None:
    names = [f"samples/default/v{number}.wav" for number in range(20)]
    threads = [threading.Thread(target=store.write, args=(name, name.encode(), None)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.list().keys() == set(names)


def test_the_drift_jobs_prediction_model_reaches_the_servers(tmp_path: Path, prefix: str) -> None:
    source = event_source(f"s3://{BUCKET}/{prefix}")
    model, files = tmp_path / "model.json", replica(tmp_path, prefix, "a")
    for content in ("one", "another", "another"):
        model.write_text(content)
        SharedModel(source).update(model)
        files.look()
        assert (files.folder / MODEL_NAME).read_text() == content
    changed = files.look()
    SharedModel(source).update(model)
    assert changed == files.look() == frozenset(), "an equal model is not written again"
    with pytest.raises(OSError, match="the object store failed") as error:
        SharedModel(event_source(f"s3://{BUCKET}-missing/{prefix}")).update(model)
    assert SECRET_KEY not in str(error.value)
