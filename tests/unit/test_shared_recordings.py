"""Registered voices, keys and pronunciations that several servers share through one folder."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from server.access.caller import Scope
from server.access.key_database import KEYS_FILE, KeyDatabase
from server.access.key_entry import KeyDraft
from server.access.key_record import DraftError, KeyStoreError
from server.access.keyring import Keyring
from server.access.shared_keys import open_key_database
from server.errors import InvalidRequest, SharedStoreUnavailable, UnknownVoice
from server.keys import main as keys
from server.pronunciations import main as pronunciations
from server.shared import store_watcher
from server.shared.shared_files import SharedFiles
from server.shared.store_address import VARIABLE, open_shared_files
from server.shared.store_watcher import StoreWatcher
from server.text.dictionaries import DICTIONARIES_FOLDER, Dictionaries
from server.voices.recordings import Recording, RecordingLimits
from server.voices.tenant_recordings import RECORDINGS_FOLDER, TenantRecordings
from tests.cloning_provider import pitch, tone

RATE = 22_050


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    folder = tmp_path / "mount"
    folder.mkdir()
    return folder


def files(tmp_path: Path, name: str) -> SharedFiles:
    shared = open_shared_files(str(tmp_path / "mount"), tmp_path / name)
    assert shared is not None
    return shared


class Replica:
    """What a server has of registered voices."""

    def __init__(self, tmp_path: Path, name: str, **limits: int) -> None:
        self.shared = files(tmp_path, name)
        folder = self.shared.folder / RECORDINGS_FOLDER
        self.recordings = TenantRecordings(folder, RecordingLimits(**limits), self.shared)
        self.removed: list[Recording] = []
        self.recordings.on_removal(self.removed.append)

    def voices(self) -> dict[tuple[str, str], str]:
        return {(tenant, each.name): each.checksum for tenant, each in self.recordings.all()}


@pytest.fixture
def replicas(tmp_path: Path, mount: Path) -> tuple[Replica, Replica]:
    return Replica(tmp_path, "a"), Replica(tmp_path, "b")


def test_a_voice_is_the_same_at_every_server(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    registered = one.recordings.of("red").put("ann", tone(300))
    assert one.recordings.find("red", "ann") == registered
    assert other.voices() == {}
    other.shared.look()
    assert other.voices() == one.voices() == {("red", "ann"): registered.checksum}
    found = other.recordings.find("red", "ann")
    assert found is not None
    assert pitch(found.read(), RATE) == 300
    assert other.recordings.find("blue", "ann") is None


def test_a_replaced_voice_is_another_one_and_the_old_one_is_dropped(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    first = one.recordings.of("red").put("ann", tone(300))
    other.shared.look()
    second = other.recordings.of("red").put("ann", tone(500))
    one.shared.look()
    assert one.voices() == other.voices() == {("red", "ann"): second.checksum}
    assert [each.checksum for each in one.removed] == [first.checksum]
    again = one.recordings.of("red").put("ann", tone(500))
    assert again.checksum != second.checksum  # registered again, it is another voice
    other.shared.look()
    assert other.voices() == one.voices()


def test_a_deleted_voice_is_gone_everywhere(tmp_path: Path, replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    one.recordings.of("red").put("ann", tone(300))
    other.shared.look()
    other.recordings.of("red").remove("ann")
    one.shared.look()
    assert one.voices() == other.voices() == {}
    assert len(one.removed) == len(other.removed) == 1
    with pytest.raises(UnknownVoice):
        one.recordings.of("red").remove("ann")
    assert list((tmp_path / "mount").rglob("*.wav")) == []


def test_the_limit_of_a_tenant_is_that_of_all_servers(tmp_path: Path, mount: Path) -> None:
    one, other = Replica(tmp_path, "a", recordings=1), Replica(tmp_path, "b", recordings=1)
    one.recordings.of("red").put("ann", tone(300))
    other.shared.look()
    with pytest.raises(InvalidRequest, match="1 voices are registered"):
        other.recordings.of("red").put("ben", tone(300))


def test_without_the_store_voices_stay_and_none_is_registered_or_deleted(
    tmp_path: Path, mount: Path, replicas: tuple[Replica, Replica]
) -> None:
    one, _ = replicas
    one.recordings.of("red").put("ann", tone(300))
    voices = one.voices()
    mount.rename(mount.with_name("away"))
    for change in (
        lambda: one.recordings.of("red").put("ann", tone(500)),
        lambda: one.recordings.of("red").put("ben", tone(500)),
        lambda: one.recordings.of("red").remove("ann"),
    ):
        with pytest.raises(SharedStoreUnavailable, match="No such file or directory"):
            change()
    assert one.voices() == Replica(tmp_path, "a").voices() == voices  # after a restart too
    assert one.removed == []


def test_a_file_that_is_no_recording_is_skipped(mount: Path, replicas: tuple[Replica, Replica]) -> None:
    one, _ = replicas
    one.recordings.of("red").put("ann", tone(300))
    (mount / RECORDINGS_FOLDER / "red" / "ben.wav").write_bytes(b"RIFF, or so it says")
    (mount / RECORDINGS_FOLDER / "red" / "alloy.wav").write_bytes(
        (mount / RECORDINGS_FOLDER / "red" / "ann.wav").read_bytes()
    )
    one.shared.look()
    assert set(one.voices()) == {("red", "ann")}


class TestWatcher:
    async def test_those_who_ask_at_once_share_a_look_that_begins_after_they_asked(
        self, replicas: tuple[Replica, Replica], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, other = replicas
        watcher = StoreWatcher(other.shared)
        looks, begin = 0, threading.Event()
        look = other.shared.look

        def counted() -> frozenset[str]:
            nonlocal looks
            looks += 1
            begin.wait(60)
            return look()

        monkeypatch.setattr(other.shared, "look", counted)
        first = asyncio.create_task(watcher.refresh())
        while not looks:
            await asyncio.sleep(0.001)
        one.recordings.of("red").put("ann", tone(300))
        others = [asyncio.create_task(watcher.refresh()) for _ in range(20)]
        await asyncio.sleep(0)
        begin.set()
        await asyncio.gather(first, *others)
        assert looks == 2
        assert set(other.voices()) == {("red", "ann")}
        watcher.close()

    async def test_a_change_is_told_before_the_look_returns(self, replicas: tuple[Replica, Replica]) -> None:
        one, other = replicas
        watcher = StoreWatcher(other.shared)
        told = 0

        def count() -> None:
            nonlocal told
            told += 1

        watcher.on_change(count)
        await watcher.refresh()
        assert told == 0
        one.recordings.of("red").put("ann", tone(300))
        await watcher.refresh()
        assert told == 1
        watcher.close()

    async def test_a_store_that_does_not_answer_is_waited_for_and_no_longer(
        self, replicas: tuple[Replica, Replica], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_watcher, "ANSWER_SECONDS", 0.05)
        released = threading.Event()
        monkeypatch.setattr(replicas[0].shared, "look", lambda: released.wait(60))
        watcher = StoreWatcher(replicas[0].shared)
        for _ in range(2):
            with pytest.raises(SharedStoreUnavailable, match=r"did not answer within 0\.05 seconds"):
                await watcher.refresh()
        released.set()
        watcher.close()


class TestKeys:
    def test_a_key_counts_everywhere_until_it_is_revoked_anywhere(self, tmp_path: Path, mount: Path) -> None:
        one, other = files(tmp_path, "a"), files(tmp_path, "b")
        databases = [open_key_database(tmp_path / name, each) for name, each in (("a", one), ("b", other))]
        rings = [Keyring(database) for database in databases]
        draft = KeyDraft(name="reports", scopes=frozenset({Scope.SPEAK})).record()
        record, key = databases[0].create(draft)
        other.look()
        for ring in rings:
            ring.load()
            assert ring.identify(key.text) == ("ok", record)
        with pytest.raises(DraftError, match="of this name already"):
            databases[1].create(draft)
        databases[1].revoke("reports")
        one.look()
        for ring in rings:
            assert ring.source.changed()
            ring.load()
            assert ring.identify(key.text)[0] == "revoked"

    def test_keys_made_at_the_same_time_are_all_kept(self, tmp_path: Path, mount: Path) -> None:
        databases = [open_key_database(tmp_path / name, files(tmp_path, name)) for name in "abc"]
        threads = [
            threading.Thread(target=database.create, args=(KeyDraft(name=f"key-{number}").record(),))
            for number, database in enumerate(databases * 3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(open_key_database(tmp_path / "d", files(tmp_path, "d")).read()) == 9

    def test_a_server_that_can_not_read_the_keys_does_not_start_without(self, tmp_path: Path, mount: Path) -> None:
        shared = files(tmp_path, "a")
        open_key_database(tmp_path / "a", shared).create(KeyDraft(name="first").record())
        mount.rename(mount.with_name("away"))
        with pytest.raises(KeyStoreError, match="can't be read"):
            open_key_database(tmp_path / "b", files(tmp_path, "b"))
        assert len(open_key_database(tmp_path / "a", files(tmp_path, "a")).read()) == 1  # its copy

    def test_keys_of_the_data_folder_are_not_forgotten(self, tmp_path: Path, mount: Path) -> None:
        (tmp_path / "a").mkdir()
        KeyDatabase(tmp_path / "a" / KEYS_FILE).create(KeyDraft(name="first").record())
        with pytest.raises(KeyStoreError, match="copy it there"):
            open_key_database(tmp_path / "a", files(tmp_path, "a"))

    def test_the_command_makes_keys_of_all_servers(
        self, tmp_path: Path, mount: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv(VARIABLE, str(mount))
        assert keys(["--data-dir", str(tmp_path / "a"), "create", "first"]) == 0
        assert keys(["--data-dir", str(tmp_path / "b"), "list"]) == 0
        assert "first" in capsys.readouterr().out
        mount.rename(mount.with_name("away"))
        assert keys(["--data-dir", str(tmp_path / "b"), "create", "second"]) == 1
        assert "error: the shared store can't be used: No such file" in capsys.readouterr().err


class TestPronunciations:
    def test_an_entry_that_one_server_adds_is_read_by_the_others(
        self, tmp_path: Path, mount: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        own = tmp_path / "b" / DICTIONARIES_FOLDER
        own.mkdir(parents=True)
        (own / "own.csv").write_text("text,say\nnginx,engine x\nttscope,ours\n")
        shared = files(tmp_path, "b")
        dictionaries = Dictionaries(own, shared=shared)
        monkeypatch.setenv(VARIABLE, str(mount))
        assert pronunciations(["--data-dir", str(tmp_path / "a"), "add", "nginx", "--say", "engine ex"]) == 0
        shared.look()
        assert dictionaries.load()
        said = [entry.pronunciation.say for entry in dictionaries.entries]
        assert said == ["engine x", "ours", "engine ex"]  # of equal entries the last one counts
        assert pronunciations(["--data-dir", str(tmp_path / "c"), "list"]) == 0
        assert "nginx: engine ex" in capsys.readouterr().out
