"""The audit log of the server: beside requests, before changes, and nothing is lost without being counted."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from otel.contract.values import AuditEvent, AuditOutcome, LossReason
from server.access import audit_log
from server.access.audit_chain import Chain
from server.access.audit_check import verify
from server.access.audit_entry import AuditEntry
from server.access.audit_file import CURRENT, AuditFile
from server.access.audit_log import AddressPolicy, AuditLog
from server.access.audit_repeats import MOST_KINDS, WINDOW_SECONDS, RepeatedRefusals
from server.access.caller import Caller
from server.errors import AuditUnavailable
from tests.fake_clock import Clock

ADDRESS = "203.0.113.7"
PLAIN = AddressPolicy("plain")
DELETION = AuditEntry(event=AuditEvent.VOICE_DELETED, outcome=AuditOutcome.OK, subject="ann", request_id="r1")


def refusal(address: str = ADDRESS, **fields: Any) -> AuditEntry:
    return AuditEntry(
        event=AuditEvent.AUTHENTICATION_FAILED,
        outcome=AuditOutcome.REFUSED,
        **{"reason": "unknown", "address": address, "request_id": "r2", **fields},
    )


class Disk(AuditFile):
    """An audit file on a disk that is full while ``full``, and hangs while it does not answer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Chain(), 10**6, 10)
        self.full = False
        self.answers = threading.Event()
        self.answers.set()

    def append(self, entries: Sequence[AuditEntry]) -> None:
        self.answers.wait()
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().append(entries)


class Recorded:
    """An audit log with what it counted."""

    def __init__(self, folder: Path, addresses: AddressPolicy = PLAIN, *, required: bool = True) -> None:
        self.folder = folder
        self.written: Counter[AuditEvent] = Counter()
        self.lost: Counter[LossReason] = Counter()
        self.disk = Disk(folder)
        self.log = AuditLog(
            self.disk,
            addresses,
            written=lambda event, entries: self.written.update({event: entries}),
            lost=lambda reason, entries: self.lost.update({reason: entries}),
            required=required,
        )

    def lines(self) -> list[dict[str, Any]]:
        self.log.close()
        assert verify(self.folder, Chain()).problems == []
        return [json.loads(line) for line in (self.folder / CURRENT).read_text().splitlines()]


def test_entries_are_written_in_their_order(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    for number in range(1000):
        recorded.log.record(AuditEntry(event=AuditEvent.SPEECH_REQUESTED, outcome=AuditOutcome.OK, subject=str(number)))
    lines = recorded.lines()
    assert [line["subject"] for line in lines] == [str(number) for number in range(1000)]
    assert recorded.written == {AuditEvent.SPEECH_REQUESTED: 1000}


async def test_a_committed_entry_is_on_the_disk(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    recorded.log.record(refusal())
    await recorded.log.commit(DELETION)
    found = [json.loads(line)["event"] for line in (tmp_path / CURRENT).read_text().splitlines()]
    assert found == ["authentication_failed", "voice_deleted"]  # in their order
    recorded.log.close()


async def test_an_entry_that_can_not_be_written_is_an_error_and_counted(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    recorded.disk.full = True
    with pytest.raises(AuditUnavailable, match="was not made"):
        await recorded.log.commit(DELETION)
    assert recorded.lost == {LossReason.DISK_FULL: 1}
    recorded.disk.full = False
    await recorded.log.commit(DELETION)
    assert [(line["event"], line.get("count")) for line in recorded.lines()] == [
        ("entries_lost", None),
        ("voice_deleted", None),
    ]


async def test_it_is_no_error_where_the_operator_chose_so(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, required=False)
    recorded.disk.full = True
    await recorded.log.commit(DELETION)
    recorded.log.close()
    await recorded.log.commit(DELETION)
    assert recorded.lost == {LossReason.DISK_FULL: 1}


async def test_a_disk_that_does_not_answer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "COMMIT_SECONDS", 0.05)
    recorded = Recorded(tmp_path)
    recorded.disk.answers.clear()
    with pytest.raises(AuditUnavailable):
        await recorded.log.commit(DELETION)
    recorded.disk.answers.set()
    recorded.log.close()
    with pytest.raises(AuditUnavailable):
        await recorded.log.commit(DELETION)


def test_what_finds_no_room_is_counted_and_the_log_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "ROOM", 2)
    recorded = Recorded(tmp_path)
    recorded.disk.full = True
    for _ in range(5):
        recorded.log.record(DELETION)
    assert recorded.lost[LossReason.QUEUE_FULL] == 3
    recorded.disk.full = False
    assert [(line["event"], line.get("count")) for line in recorded.lines()] == [
        ("entries_lost", 3),
        ("voice_deleted", None),
        ("voice_deleted", None),
    ]


@pytest.mark.parametrize("form", ["hashed", "none"])
def test_an_address_is_written_only_by_choice(tmp_path: Path, form: Any) -> None:
    recorded = Recorded(tmp_path, AddressPolicy(form))
    recorded.log.record(refusal())
    [line] = recorded.lines()
    assert ADDRESS not in (tmp_path / CURRENT).read_text()
    assert ("client" in line) == (form == "hashed")
    plain = Recorded(tmp_path / "plain", PLAIN)
    plain.log.record(refusal())
    assert plain.lines()[0]["client"] == ADDRESS


def test_a_hash_of_an_address_is_the_same_only_with_the_same_secret() -> None:
    keyed = [AddressPolicy("hashed", b"secret").describe()(ADDRESS) for _ in range(2)]
    random = [AddressPolicy("hashed").describe()(ADDRESS) for _ in range(2)]
    assert len({*keyed, *random}) == 3


def test_a_flood_of_refusals_is_two_entries_a_minute(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    for number in range(3000):
        recorded.log.record(refusal(request_id=str(number)))
    recorded.log.record(DELETION)
    lines = recorded.lines()
    assert [(line["event"], line.get("count"), line.get("request_id")) for line in lines] == [
        ("authentication_failed", None, "0"),
        ("voice_deleted", None, "r1"),
        ("authentication_failed", 2999, None),
    ]


def test_windows_end_and_clients_are_told_apart_up_to_a_number() -> None:
    clock = Clock()
    repeats = RepeatedRefusals(clock)
    assert repeats.offer(refusal(client="a"))
    assert repeats.offer(refusal(client="b"))
    assert repeats.offer(refusal(client="a")) is None
    assert repeats.offer(refusal(client="a", caller=Caller("phone", key_id="k1"))), "another key is another kind"
    assert repeats.due() == []
    clock.now += WINDOW_SECONDS
    assert [(entry.client, entry.count) for entry in repeats.due()] == [("a", 1)]
    assert repeats.offer(refusal(client="a")), "a new window begins"
    for number in range(MOST_KINDS * 3):
        repeats.offer(refusal(client=str(number), subject="/tts"))
    sums = {entry.client: entry.count for entry in repeats.due(all=True)}
    assert sums == {"": MOST_KINDS * 3 - (MOST_KINDS - 1) - 1}
