"""The label client takes the names of keys alone, follows them, and is bounded."""

from __future__ import annotations

import pytest

from server.telemetry import client_names
from server.telemetry.client_names import ClientNames


def test_names_of_keys_are_allowed_and_others_are_not() -> None:
    keys = ["phone"]
    names = ClientNames(lambda: keys)
    assert "anonymous" in names
    assert "phone" in names
    assert "stranger" not in names
    keys.append("tablet")
    assert "tablet" in names
    assert names.first(1) == ["anonymous", "phone", "tablet"]


def test_a_name_stays_allowed_when_its_key_is_gone() -> None:
    keys = ["phone", "unused"]
    names = ClientNames(lambda: keys)
    assert "phone" in names
    keys.clear()
    assert "phone" in names
    assert "unused" not in names


def test_there_is_room_for_so_many_names(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(client_names, "MOST_NAMES", 3)
    keys = [f"key{number}" for number in range(5)]
    names = ClientNames(lambda: keys)
    assert [name for name in keys if name in names] == ["key0", "key1"]
    assert "anonymous" in names
    assert [record.message for record in caplog.records] == ["there are more names of keys than metrics have room for"]
    assert ClientNames(lambda: keys).first(10) == ["anonymous", "key0", "key1"]
