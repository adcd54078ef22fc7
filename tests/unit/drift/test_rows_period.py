"""The rows of a long period, and those of machines: each once, also from parts of earlier versions."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from drift.errors import RowsDamaged
from drift.rows import machine, parquet
from drift.rows.store import Rows
from otel.contract.event_fields import MachineField
from tests.unit.drift.events import ALWAYS, MORNING, NOW, export, line, lines, nanoseconds, record, value

HOUR = timedelta(hours=1)


def minute(number: int, server: str = "a", **fields: Any) -> dict[str, Any]:
    """The event of a server's minute; ``cost_idle`` stands for tts.machine.cost.idle."""
    names = {column: field for field, column in machine.NAMES.items()}
    given = {"server": server, "number": number, "seconds": 60.0} | fields
    return {
        "timeUnixNano": str(nanoseconds(MORNING + number * timedelta(minutes=1))),
        "eventName": "tts.machine",
        "attributes": [{"key": names[name], "value": value(of)} for name, of in given.items()],
    }


def ingested(tmp_path: Path, *contents: bytes) -> Rows:
    rows = Rows(tmp_path / "rows")
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.jsonl").write_bytes(content)
        rows.ingest([tmp_path / f"{number}.jsonl"], now=NOW, judged_until=None)
    return rows


def test_totals_of_a_period(tmp_path: Path) -> None:
    costs = (record(number, cost=0.25, client="shop") for number in range(8))
    rows = ingested(tmp_path, line(*costs), lines(7200), line(record(3, cost=0.25, client="shop")))
    with rows.period(MORNING, MORNING + HOUR) as period:
        assert period.one("select count(*) as n, sum(cost) as cost from requests") == {"n": 8, "cost": 2.0}
        assert period.rows("select client, min(hour(moment)) as hour from requests group by client") == [
            {"client": "shop", "hour": 8}
        ]
        assert period.one("select count(*) as n from machine") == {"n": 0}


def test_minutes_of_machines_are_kept_once(tmp_path: Path) -> None:
    first = line(*(minute(number, cost_idle=0.5, currency="EUR") for number in range(5)), record(1))
    again = line(minute(4, cost_idle=0.5), minute(4, server="b", cost_idle=0.125), minute(500, cost_idle=9.0))
    rows = ingested(tmp_path, first, again)
    with rows.period(MORNING, MORNING + HOUR) as period:
        totals = period.one("select count(*) as n, sum(cost_idle) as cost, max(currency) as currency from machine")
        assert totals == {"n": 6, "cost": 2.625, "currency": "EUR"}
        assert period.one("select count(*) as n from requests") == {"n": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        minute(0, server=""),
        minute(0, cost_idle="much"),
        minute(0, cost_idle=1e300),
        minute(0, server="x" * 300),
        {**minute(0), "timeUnixNano": "0"},
    ],
)
def test_a_wrong_minute_is_counted_and_not_kept(tmp_path: Path, wrong: dict[str, Any]) -> None:
    torn = json.dumps(export(wrong, minute(1))).encode() + b"\n"
    rows = Rows(tmp_path / "rows")
    (tmp_path / "0.jsonl").write_bytes(torn)
    report = rows.ingest([tmp_path / "0.jsonl"], now=NOW, judged_until=None)
    assert (report.machine_rows, report.problems()) == (1, {"malformed": 1})


def test_a_line_that_is_not_valid_otlp_gives_its_minutes_too(tmp_path: Path) -> None:
    content = json.dumps(export(minute(1, cost_idle=0.5), 5)).encode() + b"\n"
    rows = ingested(tmp_path, content)
    with rows.period(*ALWAYS) as period:
        assert period.one("select sum(cost_idle) as cost from machine") == {"cost": 0.5}


def test_parts_without_the_new_columns_are_read(tmp_path: Path) -> None:
    rows = ingested(tmp_path, line(record(1), record(2), minute(0)))
    for _, folder in parquet.hour_folders(tmp_path / "rows" / parquet.HOURS):
        for _, part in parquet.parts(folder):
            pq.write_table(pq.read_table(part).drop_columns(["client", "tenant", "cost", "charge", "cost_saved"]), part)
    for part in machine.parts(tmp_path / "rows", None):
        pq.write_table(pq.read_table(part).drop_columns(["cost_idle", "currency"]), part)
    with rows.period(*ALWAYS) as period:
        assert period.one("select count(*) as n, sum(cost) as cost, max(client) as client from requests") == {
            "n": 2,
            "cost": None,
            "client": None,
        }
        assert period.one("select count(*) as n, sum(cost_idle) as cost from machine") == {"n": 1, "cost": None}


def test_an_interrupted_ingest_leaves_no_minute_that_counts(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(step: str) -> None:
        if step == "parts":
            raise Interrupted

    (tmp_path / "0.jsonl").write_bytes(line(minute(0), minute(1)))
    with pytest.raises(Interrupted):
        Rows(tmp_path / "rows", step=interrupt).ingest([tmp_path / "0.jsonl"], now=NOW, judged_until=None)
    rows = Rows(tmp_path / "rows")
    with rows.period(*ALWAYS) as period:
        assert period.one("select count(*) as n from machine") == {"n": 0}
    rows.ingest([tmp_path / "0.jsonl"], now=NOW, judged_until=None)
    with rows.period(*ALWAYS) as period:
        assert period.one("select count(*) as n from machine") == {"n": 2}


def test_old_minutes_are_dropped_with_the_rows(tmp_path: Path) -> None:
    rows = ingested(tmp_path, line(minute(0)), line(minute(200)))
    rows.drop_before(MORNING + 2 * HOUR)
    with rows.period(*ALWAYS) as period:
        assert period.rows("select number from machine") == [{"number": 200}]


def test_a_damaged_part_is_an_error_that_says_so(tmp_path: Path) -> None:
    rows = ingested(tmp_path, lines(1))
    for _, folder in parquet.hour_folders(tmp_path / "rows" / parquet.HOURS):
        for _, part in parquet.parts(folder):
            part.write_bytes(b"nothing")
    with pytest.raises(RowsDamaged, match="can't be read"), rows.period(*ALWAYS):
        pass


def test_every_field_of_the_event_has_a_column() -> None:
    assert set(machine.NAMES) == {field.value for field in MachineField}
    assert len(set(machine.NAMES.values())) == len(MachineField)
