"""Tests the form of keys, the keyring, the file and the database of keys, and the limit of failed attempts."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from types import SimpleNamespace

import pytest

from otel.contract.values import AuthenticationResult
from otel.support.watched_files import WatchedFiles
from server.access import failed_attempts
from server.access.api_key import digest, issue, key_id_of
from server.access.caller import KeyLimits, Scope
from server.access.exposure import ExposedError, is_loopback, open_keyring
from server.access.failed_attempts import MOST_CLIENTS, MOST_FAILURES, WINDOW_SECONDS, FailedAttempts
from server.access.key_database import KEYS_FILE, MOST_HASHES, KeyDatabase
from server.access.key_entry import entry
from server.access.key_file import KeyFile
from server.access.key_record import DraftError, KeyHash, KeyRecord, KeyStoreError, UnknownKeyError
from server.access.keyring import Keyring
from server.settings import Settings
from tests.api_keys import create, mistyped
from tests.fake_clock import Clock

OK, UNKNOWN, MALFORMED = AuthenticationResult.OK, AuthenticationResult.UNKNOWN, AuthenticationResult.MALFORMED
DRAFT = KeyRecord("", "reports", (), scopes=frozenset({Scope.SPEAK, Scope.OBSERVE}))


@pytest.fixture
def database(tmp_path: Path) -> KeyDatabase:
    return KeyDatabase(tmp_path / KEYS_FILE)


def keyring(database: KeyDatabase) -> Keyring:
    ring = Keyring(database)
    ring.load()
    return ring


def test_a_key_has_256_random_bits_and_a_checksum_that_finds_typing_errors() -> None:
    keys = [issue() for _ in range(200)]
    assert len({key.text for key in keys}) == len({key.key_id for key in keys}) == 200
    for key in keys:
        assert key_id_of(key.text) == key.key_id
        secret = key.text.removeprefix(f"ttscope_{key.key_id}_")[:43]
        assert 62 ** len(secret) > 2**256
        assert key.digest == hashlib.sha256(key.text.encode()).digest()
        assert key.text not in repr(key)
    text = keys[0].text
    for place in range(len("ttscope_"), len(text)):
        if text[place] != "_":
            other = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
            assert key_id_of(other) is None
    for wrong in (
        "",
        "ttscope_",
        text[:-1],
        f"{text}a",
        text.upper(),
        f" {text}",
        f"{text}\n",
        "é" * 70,
        "\udcff" * 70,
    ):
        assert key_id_of(wrong) is None


def test_a_key_of_the_database_is_known_until_it_is_revoked_or_expires(database: KeyDatabase) -> None:
    voices, limits = frozenset({"joe"}), KeyLimits(requests_per_minute=5)
    record, key = database.create(replace(DRAFT, tenant="press", voices=voices, limits=limits, expires=2e9))
    ring = keyring(database)
    result, known = ring.identify(key.text, now=1e9)
    assert (result, known) == (OK, record)
    caller = ring.caller(record)
    assert (caller.name, caller.tenant, caller.scopes) == ("reports", "press", {Scope.SPEAK, Scope.OBSERVE})
    assert (caller.voices, caller.limits, caller.key_id) == (voices, limits, key.key_id)
    assert ring.identify(key.text, now=2e9) == (AuthenticationResult.EXPIRED, record)
    assert ring.identify(mistyped(key.text)) == (MALFORMED, None)
    assert ring.identify(issue().text) == (UNKNOWN, None)
    assert ring.identify(issue(key.key_id).text) == (UNKNOWN, None)
    database.revoke("reports")
    ring.load()
    assert ring.identify(key.text)[0] is AuthenticationResult.REVOKED
    with pytest.raises(UnknownKeyError, match="revoked already"):
        database.revoke(key.key_id)


def test_after_a_rotation_the_old_key_counts_for_the_time_of_grace(database: KeyDatabase) -> None:
    _, old = database.create(DRAFT)
    record, new = database.rotate("reports", 3600)
    ring, now = keyring(database), time.time()
    assert new.key_id == old.key_id == record.key_id
    assert [ring.identify(key.text, now)[0] for key in (old, new)] == [OK, OK]
    assert [ring.identify(key.text, now + 3601)[0] for key in (old, new)] == [AuthenticationResult.REVOKED, OK]
    _, newest = database.rotate(record.key_id)
    ring.load()
    assert [ring.identify(key.text)[0] for key in (old, new, newest)] == [*[AuthenticationResult.REVOKED] * 2, OK]
    for _ in range(MOST_HASHES):
        database.rotate("reports")
    (record,) = database.read()
    assert len(record.hashes) == MOST_HASHES
    assert [each.expires is None for each in record.hashes] == [False] * (MOST_HASHES - 1) + [True]


def test_known_and_unknown_keys_are_compared_alike(database: KeyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """By construction: one call of hmac.compare_digest with digests of equal length, whether the id is known or not."""
    _, key = database.create(DRAFT)
    ring = keyring(database)
    lengths: list[tuple[int, int]] = []

    def compare(known: bytes, presented: bytes) -> bool:
        lengths.append((len(known), len(presented)))
        return hmac.compare_digest(known, presented)

    monkeypatch.setattr("server.access.keyring.hmac", SimpleNamespace(compare_digest=compare))
    for text in (key.text, issue(key.key_id).text, issue().text):
        ring.identify(text)
    assert lengths == [(32, 32)] * 3


def test_no_file_holds_a_key_and_nobody_else_reads_them(database: KeyDatabase, tmp_path: Path) -> None:
    _, key = database.create(DRAFT)
    _, other = database.rotate("reports", 60)
    connection = sqlite3.connect(database.path)
    connection.execute("SELECT * FROM keys").fetchall()
    files = list(tmp_path.iterdir())
    assert {path.name for path in files} == {KEYS_FILE, f"{KEYS_FILE}-wal", f"{KEYS_FILE}-shm"}
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    for path in files:
        if path.exists():
            assert path.stat().st_mode & 0o777 == 0o600
            content = path.read_bytes()
            assert all(each.text[30:].encode() not in content for each in (key, other))


def test_names_are_labels_and_belong_to_one_key(database: KeyDatabase) -> None:
    database.create(DRAFT)
    with pytest.raises(DraftError, match="of this name"):
        database.create(DRAFT)
    for name in ("", "Reports", "a b", "1a", "anonymous", "other", "a" * 41, "ä", "a\n"):
        with pytest.raises(DraftError):
            database.create(replace(DRAFT, name=name))
    with pytest.raises(DraftError, match="tenant"):
        database.create(replace(DRAFT, name="second", tenant="no tenant"))
    database.revoke("reports")
    assert database.create(DRAFT)[0].name == "reports"


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    start = Barrier(8)

    def write(number: int) -> None:
        start.wait()
        create(tmp_path, f"key{number}")

    threads = [Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record.name for record in KeyDatabase(tmp_path / KEYS_FILE).read()} == {f"key{n}" for n in range(8)}


def test_the_log_says_once_that_keys_have_changed(database: KeyDatabase, caplog: pytest.LogCaptureFixture) -> None:
    """Although the file is read again while it is that new."""
    ring = Keyring(database)
    ring.load()
    database.create(DRAFT)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            ring._follow()
    assert [record.getMessage() for record in caplog.records] == ["the server has 1 API keys now"]


def test_a_damaged_or_missing_database_leaves_the_keys_as_they_were(database: KeyDatabase, tmp_path: Path) -> None:
    _, key = database.create(DRAFT)
    ring = keyring(database)
    whole = database.path.read_bytes()
    for damage in (b"garbage" * 1000, whole[:5000], b""):
        database.path.write_bytes(damage)
        with pytest.raises(KeyStoreError):
            ring.load()
        with pytest.raises(KeyStoreError, match=r"damaged|version|can't be used"):
            open_keyring(Settings(data_dir=tmp_path))
    database.path.unlink()
    with pytest.raises(KeyStoreError, match="is gone"):
        ring.load()
    assert ring.identify(key.text)[0] is OK
    assert ring.required


def test_keys_that_are_all_removed_do_not_open_the_server(database: KeyDatabase) -> None:
    _, key = database.create(DRAFT)
    ring = keyring(database)
    with sqlite3.connect(database.path) as connection:
        connection.execute("DELETE FROM hashes")
        connection.execute("DELETE FROM keys")
    ring.load()
    assert ring.required
    assert ring.identify(key.text)[0] is UNKNOWN


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file as Kubernetes mounts it: a link to a link to a folder, which is replaced as a whole."""
    (tmp_path / "v1").mkdir()
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "keys.json").symlink_to("..data/keys.json")
    return tmp_path / "keys.json"


def written(*records: KeyRecord) -> str:
    return json.dumps({"keys": [entry(record) for record in records]})


def test_a_file_of_keys_is_read_again_when_its_folder_is_replaced(secret: Path) -> None:
    first, second = issue(), issue()
    records = [replace(DRAFT, key_id=key.key_id, hashes=(KeyHash(key.digest),)) for key in (first, second)]
    secret.write_text(written(records[0]))
    os.utime(secret, (1e9, 1e9))
    ring = Keyring(KeyFile(secret))
    ring.load()
    assert [ring.identify(key.text)[0] for key in (first, second)] == [OK, UNKNOWN]
    assert not ring.source.changed()
    folder = secret.parent
    (folder / "v2").mkdir()
    (folder / "v2" / "keys.json").write_text(written(records[1]))
    (folder / "..new").symlink_to("v2")
    (folder / "..new").replace(folder / "..data")
    assert ring.source.changed()
    ring.load()
    assert [ring.identify(key.text)[0] for key in (first, second)] == [UNKNOWN, OK]
    secret.write_text("{")
    with pytest.raises(KeyStoreError, match="neither JSON nor TOML"):
        ring.load()
    assert ring.identify(second.text)[0] is OK
    secret.write_text(written())
    ring.load()
    assert ring.identify(second.text)[0] is UNKNOWN
    assert ring.required


def test_a_file_of_keys_may_be_toml(tmp_path: Path) -> None:
    key = issue()
    path = tmp_path / "keys"
    path.write_text(
        f'[[keys]]\nid = "{key.key_id}"\nname = "ci"\nsha256 = ["{digest(key.text).hex()}"]\nscopes = ["speak"]\n'
        'expires = 2031-01-01T00:00:00Z\nvoices = ["joe"]\n[keys.limits]\nrequests_per_minute = 7\n'
    )
    (record,) = KeyFile(path).read()
    assert (record.name, record.voices, record.limits.requests_per_minute) == ("ci", {"joe"}, 7)
    assert record.expires == 1924992000


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"scopes": ["speek"]}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"sha256": ["00"]}, "sha256"),
        ({"sha256": []}, "sha256"),
        ({"id": "short"}, "id"),
        ({"name": "No Name"}, "name"),
        ({"expires": "2031-01-01T00:00:00"}, "expires"),
        ({"expires": "9999-12-31T23:59:59-23:00"}, "expires"),
        ({"expires": "0001-01-01T00:00:00+14:00"}, "expires"),
        ({"secret": "x"}, "secret"),
        ({"limits": {"requests_per_minute": -1}}, "requests_per_minute"),
    ],
)
def test_a_mistake_in_a_file_of_keys_is_named(tmp_path: Path, change: dict[str, object], place: str) -> None:
    key = issue()
    good = entry(replace(DRAFT, key_id=key.key_id, hashes=(KeyHash(key.digest),)))
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{**good, **change}]}))
    with pytest.raises(KeyStoreError, match=f"keys.0.*{place}"):
        open_keyring(Settings(keys_file=path))


def test_two_keys_of_one_name_or_id_are_refused(tmp_path: Path) -> None:
    key, other = issue(), issue()
    records = [replace(DRAFT, key_id=each.key_id, hashes=(KeyHash(each.digest),)) for each in (key, other)]
    path = tmp_path / "keys.json"
    path.write_text(written(*records))
    with pytest.raises(KeyStoreError, match="two keys"):
        open_keyring(Settings(keys_file=path))
    path.write_text(written(replace(records[0], revoked=1.0), records[1]))
    assert len(open_keyring(Settings(keys_file=path)).records) == 2


def test_a_file_that_was_just_changed_counts_as_changed(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("1")
    os.utime(path, (1000.0, 1000.0))
    clock = Clock()
    clock.now = 1001.0
    watched = WatchedFiles((path, tmp_path / "absent"), clock)
    assert watched.changed()
    watched.mark()
    assert watched.changed()
    clock.now = 1003.0
    watched.mark()
    assert not watched.changed()
    os.utime(path, (1002.0, 1002.0))
    assert watched.changed()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_these_addresses_are_the_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "tts.example", "localhost.example", "fe80::1"])
def test_without_keys_no_other_address_is_listened_on(host: str, tmp_path: Path) -> None:
    assert not is_loopback(host)
    for field, variable in (("host", "TTSCOPE_HOST"), ("management_host", "TTSCOPE_MANAGEMENT_HOST")):
        settings = Settings(data_dir=tmp_path, **{field: host})
        with pytest.raises(ExposedError) as refused:
            open_keyring(settings)
        assert all(
            word in str(refused.value) for word in (variable, "server.keys create", "TTSCOPE_ALLOW_ANONYMOUS=true")
        )
        assert not open_keyring(settings.model_copy(update={"allow_anonymous": True})).required
    create(tmp_path, "first")
    assert open_keyring(Settings(data_dir=tmp_path, host=host)).required


def test_failed_attempts_are_limited_within_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    failures = FailedAttempts(clock)
    assert [failures.add("a") for _ in range(MOST_FAILURES)] == [0] * MOST_FAILURES
    assert failures.add("b") == 0
    clock.now += 0.5
    assert failures.add("a") == WINDOW_SECONDS
    clock.now += WINDOW_SECONDS - 1
    assert failures.add("a") == 1
    clock.now += 1
    assert failures.add("a") == 0
    monkeypatch.setattr(failed_attempts, "MOST_CLIENTS", 3)
    assert MOST_CLIENTS > 3
    for number in range(10):
        failures.add(str(number))
    assert len(failures) == 3


def test_reading_keys_tells_whether_they_differ(database: KeyDatabase) -> None:
    database.create(DRAFT)
    ring = Keyring(database)
    assert ring.load()
    assert not ring.load()
    database.revoke(DRAFT.name)
    assert ring.load()
