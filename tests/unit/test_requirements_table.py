"""docs/requirements.md is whole: every row complete, every path real, every status one that we know."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

TABLE = Path(__file__).parents[2] / "docs" / "requirements.md"
COLUMNS = ["Id", "Asked", "Where", "Test", "Status"]
PARTS = [
    "engine",
    "providers and cache",
    "drift",
    "dashboards",
    "alerting",
    "client APIs",
    "Kubernetes",
    "security",
    "prediction",
]
STATUSES = {"shown", *(f"open: {part}" for part in PARTS)}
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
NOTHING = "-"


@dataclass(frozen=True)
class Row:
    number: int
    """Of its line in the file."""
    cells: list[str]

    @property
    def identifier(self) -> str:
        return self.cells[0]

    @property
    def test(self) -> str:
        return self.cells[3]

    @property
    def status(self) -> str:
        return self.cells[-1]

    def __str__(self) -> str:
        return f"{self.identifier} in line {self.number}"


def rows() -> list[Row]:
    lines = enumerate(TABLE.read_text(encoding="utf-8").splitlines(), start=1)
    found = [
        Row(number, [cell.strip() for cell in line.strip().strip("|").split("|")])
        for number, line in lines
        if line.startswith("|")
    ]
    return [row for row in found if row.cells != COLUMNS and set(row.identifier) != {"-"}]


ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=str)
class TestEveryRow:
    def test_has_all_columns(self, row: Row) -> None:
        assert len(row.cells) == len(COLUMNS)
        assert all(row.cells)

    def test_has_a_known_status(self, row: Row) -> None:
        assert row.status in STATUSES

    def test_names_paths_that_exist(self, row: Row) -> None:
        links = LINK.findall("|".join(row.cells))
        assert [target for _, target in links if not (TABLE.parent / target).exists()] == []
        assert [name for name, target in links if name != Path(target).name] == []

    def test_names_its_place_and_its_tests_if_it_is_shown(self, row: Row) -> None:
        tests = [target for _, target in LINK.findall(row.test)]
        assert all(target.startswith("../tests/") and "/test_" in target for target in tests)
        assert row.test == NOTHING or tests
        if row.status == "shown":
            assert tests
            assert not row.cells[2].startswith(NOTHING)


def test_every_id_is_there_once_and_in_order() -> None:
    identifiers = [row.identifier for row in ROWS]
    assert [name for name, times in Counter(identifiers).items() if times > 1] == []
    numbers = [[int(part) for part in name[1:].split(".")] for name in identifiers]
    for (before, low), (after, high) in pairwise(zip(identifiers, numbers, strict=True)):
        assert before[0] < after[0] or low < high, f"{after} stands after {before}"


def test_every_set_of_requirements_has_rows() -> None:
    groups = {re.match(r"[A-C]\d*", row.identifier)[0] for row in ROWS}  # type: ignore[index]
    assert groups >= {f"A{number}" for number in range(1, 10)} | {f"B{number}" for number in range(1, 6)} | {"C1"}
