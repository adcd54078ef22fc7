"""The command line of the audit log, and what the command of keys writes into it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otel.contract.values import AuditEvent, AuditOutcome
from server import audit, keys
from server.access.audit_chain import Chain
from server.access.audit_entry import AuditEntry
from server.access.audit_file import AUDIT_FOLDER, CURRENT, HEAD, AuditFile
from server.access.caller import Caller
from server.access.key_database import KEYS_FILE

SECRET = "a secret of the operator"
PHONE = Caller("phone", tenant="home", key_id="k1")
ENTRIES = (
    AuditEntry(event=AuditEvent.SERVER_STARTED, outcome=AuditOutcome.OK, details={"settings": ("TTSCOPE_PORT",)}),
    AuditEntry(
        event=AuditEvent.SCOPE_REFUSED,
        outcome=AuditOutcome.REFUSED,
        caller=PHONE,
        subject="/metrics",
        reason="insufficient_scope",
        client="c0ffee",
        request_id="r1",
        count=3,
    ),
    AuditEntry(event=AuditEvent.VOICE_DELETED, outcome=AuditOutcome.OK, caller=PHONE, subject="ann", request_id="r2"),
)


def run(data_dir: Path, *arguments: str) -> int:
    return audit.main(["--data-dir", str(data_dir), *arguments])


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    nanos = 1_800_000_000 * 10**9  # 2027-01-15T08:00:00Z
    entries = [
        AuditEntry(**{**{name: getattr(entry, name) for name in entry.__dataclass_fields__}, "nanos": nanos + step})
        for entry, step in zip(ENTRIES, (0, 60 * 10**9, 120 * 10**9), strict=True)
    ]
    AuditFile(tmp_path / AUDIT_FOLDER, Chain(), 10**6, 10).append(entries)
    return tmp_path


def test_a_log_in_order_is_said_with_its_last_entry(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data_dir, "verify") == 0
    said = capsys.readouterr().out
    assert "3 entries in 1 files are in order; the last one is 3:" in said
    noted = said.strip().rsplit(" ", 1)[1]
    assert run(data_dir, "verify", "--head", noted) == 0
    assert run(data_dir, "verify", "--head", f"2:{noted[2:]}") == 1


def test_a_broken_log_is_an_error_and_names_the_line(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data_dir / AUDIT_FOLDER / CURRENT
    path.write_bytes(path.read_bytes().replace(b"insufficient_scope", b"insufficient_scopf"))
    assert run(data_dir, "verify") == 1
    assert f"broken: {CURRENT}:3: entry 2 was changed" in capsys.readouterr().err


def test_many_problems_are_counted(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data_dir / AUDIT_FOLDER / CURRENT
    path.write_bytes(b"nothing\n" * 50)
    assert run(data_dir, "verify") == 1
    assert "broken: and 41 more" in capsys.readouterr().err


def test_without_a_log_there_is_nothing_to_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "verify") == 2
    assert "there is no audit log" in capsys.readouterr().err


def test_a_log_whose_lines_are_all_gone_is_broken(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_dir / AUDIT_FOLDER / CURRENT).unlink()
    assert (data_dir / AUDIT_FOLDER / HEAD).exists()
    assert run(data_dir, "verify") == 1
    assert "entries 1 to 3 are missing at the end" in capsys.readouterr().err


def test_the_secret_of_the_environment_checks_the_entries(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTSCOPE_AUDIT_SECRET", SECRET)
    assert run(data_dir, "verify") == 1
    AuditFile(data_dir / AUDIT_FOLDER, Chain(SECRET.encode()), 10**6, 10).append([ENTRIES[2]])
    assert "3 entries have no MAC" in capsys.readouterr().err
    assert run(data_dir, "verify", "--keyed-from", "4") == 0


@pytest.mark.parametrize(
    ("filters", "sequences"),
    [
        ([], [1, 2, 3]),
        (["--event", "voice_deleted"], [3]),
        (["--event", "voice_deleted", "--event", "server_started"], [1, 3]),
        (["--outcome", "refused"], [2]),
        (["--key", "phone"], [2, 3]),
        (["--key", "k1", "--last", "1"], [3]),
        (["--tenant", "home"], [2, 3]),
        (["--tenant", "work"], []),
        (["--subject", "ann"], [3]),
        (["--client", "c0ffee"], [2]),
        (["--request-id", "r2"], [3]),
        (["--since", "2027-01-15T08:01"], [2, 3]),
        (["--since", "2027-01-15T10:02+02:00"], [3]),
        (["--until", "2027-01-15T08:01"], [1]),
        (["--since", "2027-01-16"], []),
    ],
)
def test_entries_are_chosen(
    data_dir: Path, capsys: pytest.CaptureFixture[str], filters: list[str], sequences: list[int]
) -> None:
    assert run(data_dir, "show", "--json", *filters) == 0
    assert [json.loads(line)["sequence"] for line in capsys.readouterr().out.splitlines()] == sequences


def test_an_entry_is_a_line_to_read(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data_dir, "show") == 0
    started, refused, _ = capsys.readouterr().out.splitlines()
    assert started == "     1  2027-01-15T08:00:00.000000Z  server_started  ok  settings=TTSCOPE_PORT"
    assert refused.endswith("scope_refused  refused  phone  /metrics  insufficient_scope  c0ffee  3  r1")


def test_what_could_move_the_cursor_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = AuditEntry(event=AuditEvent.DICTIONARY_CHANGED, outcome=AuditOutcome.OK, subject="a\x1b[2Jb.csv")
    AuditFile(tmp_path / AUDIT_FOLDER, Chain(), 10**6, 10).append([entry])
    assert run(tmp_path, "show") == 0
    assert capsys.readouterr().out.rstrip().endswith("a?[2Jb.csv")


@pytest.mark.parametrize("wrong", ["show --since yesterday", "verify --head abc", "show --event x"])
def test_a_wrong_argument_is_an_error(data_dir: Path, wrong: str) -> None:
    with pytest.raises(SystemExit):
        run(data_dir, *wrong.split())


class TestKeys:
    def run(self, data_dir: Path, *arguments: str) -> int:
        return keys.main(["--data-dir", str(data_dir), *arguments])

    def lines(self, data_dir: Path) -> list[dict[str, object]]:
        return [json.loads(line) for line in (data_dir / AUDIT_FOLDER / CURRENT).read_text().splitlines()]

    def test_changes_are_in_the_audit_log(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run(tmp_path, "create", "phone", "--tenant", "home", "--expires", "2030-01-01") == 0
        text = capsys.readouterr().out.strip()
        assert self.run(tmp_path, "create", "tablet", "--file", str(tmp_path / "tablet.key")) == 0
        assert self.run(tmp_path, "rotate", "phone") == 0
        assert self.run(tmp_path, "revoke", "phone") == 0
        assert self.run(tmp_path, "revoke", "phone") == 1
        assert run(tmp_path, "verify") == 0
        lines = self.lines(tmp_path)
        assert [(line["event"], line["outcome"]) for line in lines] == [
            ("key_created", "started"),
            ("key_created", "ok"),
            ("key_created", "started"),
            ("key_created", "ok"),
            ("key_rotated", "started"),
            ("key_rotated", "ok"),
            ("key_revoked", "started"),
            ("key_revoked", "ok"),
            ("key_revoked", "started"),
            ("key_revoked", "failed"),
        ]
        assert {line["program"] for line in lines} == {"keys"}
        assert all(line["user"] for line in lines)
        created = lines[1]
        assert (created["name"], created["for_tenant"], created["scopes"]) == ("phone", "home", ["speak"])
        assert created["expires"] == "2030-01-01T00:00:00+00:00"
        assert created["subject"] == lines[7]["subject"]
        assert text not in (tmp_path / AUDIT_FOLDER / CURRENT).read_text()

    def test_reading_keys_writes_nothing(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, "list") == 0
        assert not (tmp_path / AUDIT_FOLDER).exists()

    def test_without_an_audit_log_no_key_is_made(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / AUDIT_FOLDER).write_text("a file where the folder should be")
        assert self.run(tmp_path, "create", "phone") == 1
        assert "nothing was changed, since the audit log can't be written" in capsys.readouterr().err
        assert not (tmp_path / KEYS_FILE).exists()
