"""What storage is measured with, and how its figures are written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import storage
from bench.results.machine import Machine
from bench.storage import Storage, StoreCost, measure_events, promises, render

ALONE = StoreCost(1000, 50_000, 0.2, 4_000_000, 150_000, 80_000)
FIGURES = Storage(
    alone=ALONE,
    forwarding=replace(ALONE, processor_seconds=0.3, resident_bytes=9_000_000),
    receiving=replace(ALONE, samples=49_999),
    sent_bytes=1_000_000,
    behind_seconds=5.0,
    event_bytes=2400,
    packed_event_bytes=200,
)


def test_a_lost_sample_and_too_much_memory_break_the_promises() -> None:
    assert [promise.is_met for promise in promises(FIGURES)] == [False, True, False]
    kept = replace(FIGURES, receiving=ALONE, forwarding=replace(ALONE, processor_seconds=0.3))
    assert all(promise.is_met for promise in promises(kept))


def test_figures_are_for_one_sample_and_one_series() -> None:
    text = render(FIGURES, 20, Machine("A processor", 2, 8 * 2**30, has_bf16=False))
    rows = {cells[1].strip(): [cell.strip() for cell in cells[2:5]] for cells in _rows(text)}
    assert rows["us of processor for a sample"] == ["4.00", "6.00", "4.00"]
    assert rows["kB of memory for a series"] == ["4.00", "9.00", "4.00"]
    assert rows["bytes on the disk for a sample"][0] == "3.00"
    assert rows["bytes sent for a sample"] == ["-", "20.0", "-"]


def _rows(text: str) -> list[list[str]]:
    return [line.split("|") for line in text.splitlines() if line.startswith("|")]


def test_events_take_the_bytes_of_their_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "EVENTS", 1000)
    plain, packed = measure_events()
    assert 2000 < plain < 3000
    assert packed < plain / 5
