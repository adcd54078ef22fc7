"""Recordings of tenants: each has its own, and those of versions without tenants become the default tenant's."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import pytest

from server.access.caller import DEFAULT_TENANT
from server.errors import InvalidRequest, UnknownVoice
from server.voices.recordings import Recording, RecordingLimits, RecordingStore
from server.voices.tenant_recordings import TenantRecordings
from tests.cloning_provider import tone


def names(recordings: TenantRecordings) -> set[tuple[str, str]]:
    return {(tenant, recording.name) for tenant, recording in recordings.all()}


def test_two_tenants_have_voices_of_one_name(tmp_path: Path) -> None:
    recordings = TenantRecordings(tmp_path)
    first = recordings.of("alpha").put("ann", tone(200))
    second = recordings.of("beta").put("ann", tone(400))
    assert first.checksum != second.checksum
    for each in (recordings, TenantRecordings(tmp_path)):
        assert (each.find("alpha", "ann"), each.find("beta", "ann")) == (first, second)
        assert names(each) == {("alpha", "ann"), ("beta", "ann")}
    recordings.of("alpha").remove("ann")
    assert recordings.find("beta", "ann") == second
    assert second.path.is_file()
    with pytest.raises(UnknownVoice):
        recordings.of("alpha").remove("ann")


def test_who_has_none_leaves_no_trace(tmp_path: Path) -> None:
    recordings = TenantRecordings(tmp_path)
    with pytest.raises(UnknownVoice):
        recordings.of("gamma").remove("ann")
    assert recordings.find("gamma", "ann") is None
    assert recordings.find(None, "ann") is None
    assert list(tmp_path.iterdir()) == []


def test_limits_are_each_tenants(tmp_path: Path) -> None:
    recordings = TenantRecordings(tmp_path, RecordingLimits(recordings=1))
    recordings.of("alpha").put("ann", tone(200))
    with pytest.raises(InvalidRequest, match="1 voices are registered"):
        recordings.of("alpha").put("ben", tone(200))
    recordings.of("beta").put("ben", tone(200))


@pytest.mark.parametrize("tenant", ["", "..", "a/b", "../alpha", "Alpha", "a" * 65, "alpha\n"])
def test_a_tenants_name_is_no_path(tmp_path: Path, tenant: str) -> None:
    with pytest.raises(ValueError, match="must match"):
        TenantRecordings(tmp_path).of(tenant)


def test_removals_of_all_tenants_are_reported(tmp_path: Path) -> None:
    recordings = TenantRecordings(tmp_path)
    before = recordings.of("alpha").put("ann", tone(200))
    removed: list[Recording] = []
    recordings.on_removal(removed.append)
    recordings.of("alpha").put("ann", tone(300))
    other = recordings.of("beta").put("ann", tone(400))
    recordings.of("beta").remove("ann")
    assert removed == [before, other]


def test_recordings_of_versions_without_tenants_become_the_default_tenants(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    old = RecordingStore(tmp_path)
    before = {name: old.put(name, tone(200)).checksum for name in ("ann", "ben")}
    (tmp_path / "cut.part").write_bytes(b"RIFF")
    (tmp_path / "Not Ours.wav").write_bytes(b"x")
    recordings = TenantRecordings(tmp_path)
    assert {name: each.checksum for name, each in recordings.of(DEFAULT_TENANT).recordings.items()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Not Ours.wav", DEFAULT_TENANT]
    assert (tmp_path / DEFAULT_TENANT).stat().st_mode & 0o077 == 0
    assert [record.getMessage() for record in caplog.records] == [
        "recordings of an earlier version were moved to the tenant default: 2"
    ]
    caplog.clear()
    assert names(TenantRecordings(tmp_path)) == names(recordings)
    assert not caplog.records


def test_a_start_that_was_cut_off_loses_no_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ann", "ben", "cat"):
        RecordingStore(tmp_path).put(name, tone(200))
    rename, moved = Path.rename, []

    def cut_off(path: Path, target: Path) -> Path:
        if moved:
            raise OSError(errno.EIO, "cut off")
        moved.append(path)
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", cut_off)
        assert names(TenantRecordings(tmp_path)) == {(DEFAULT_TENANT, "ann")}
    assert names(TenantRecordings(tmp_path)) == {(DEFAULT_TENANT, name) for name in ("ann", "ben", "cat")}
    assert not list(tmp_path.glob("*.wav"))


def test_one_whose_name_is_used_stays_where_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    newer = TenantRecordings(tmp_path).of(DEFAULT_TENANT).put("ann", tone(400))
    RecordingStore(tmp_path).put("ann", tone(200))
    assert TenantRecordings(tmp_path).find(DEFAULT_TENANT, "ann") == newer
    assert (tmp_path / "ann.wav").is_file()
    assert "were not moved: 1" in caplog.text


def test_a_link_is_no_tenant(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    RecordingStore(outside).put("ann", tone(200))
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "beta").symlink_to(outside)
    assert TenantRecordings(tmp_path / "samples").all() == []
