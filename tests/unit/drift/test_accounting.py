"""The reports of costs and usage, from events to the files."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drift.__main__ import main
from drift.accounting import report_costs, report_usage
from drift.reports.tables import money
from drift.settings import Settings, variables
from tests.unit.drift.events import line, record
from tests.unit.drift.test_rows_period import minute

NOW = datetime(2026, 11, 25, tzinfo=UTC)
MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("drift.__main__.configure", lambda formatter, level: None)  # pytest has the logs


def settings_of(folder: Path, *contents: bytes) -> Settings:
    (folder / "events").mkdir()
    (folder / "events" / "requests.jsonl").write_bytes(b"".join(contents))
    return Settings(events=(folder / "events",), state=folder / "state")


def priced(number: int, cost: float, *, at: datetime = MORNING, **features: Any) -> dict[str, Any]:
    given = {"cost": cost, "currency": "EUR", "client": "shop", "tenant": "acme", "voice_name": "joe"}
    given |= {"audio_duration": 4.0, "cpu_seconds": 2.0, "cache": "miss"} | features
    return record(number, at=at, **given)


def machines(**costs: float) -> bytes:
    return line(minute(0, currency="EUR", **costs), minute(2, currency="EUR"))


def table(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["group"], row["name"]): row for row in csv.DictReader(file)}


def test_costs_of_a_month_add_up(tmp_path: Path) -> None:
    requests = line(
        priced(1, 0.5),
        priced(2, 0.25, voice_name="kan", client="=HYPERLINK()"),
        priced(3, 1.25, charge=1.0, provider="remote", at=MORNING - timedelta(days=3)),
        priced(4, 0.0, cache="hit", cost_saved=0.5),
        record(5),
        priced(6, 9.0, currency="USD"),
        priced(7, 9.0, at=MORNING - timedelta(days=40)),
    )
    minutes = machines(cost_requests=1.0, cost_wasted=0.25, cost_overhead=0.75, cost_idle=2.0, cpu_idle=7200.0)
    text, paths = report_costs(settings_of(tmp_path, requests, minutes), "2026-11", NOW)
    assert [path.name for path in paths] == ["cost-2026-11.html", "cost-2026-11.csv", "cost-2026-11.json"]
    assert text.startswith(
        "5 requests cost 2.00 EUR, 400.00 EUR per thousand. The machines cost 4.00 EUR, of which 50.0%"
    )
    assert "1 requests have no cost" in text
    assert "What is priced in USD is left out." in text
    assert "1 minutes of machines are missing" in text
    assert "The accounts close: the costs of single requests differ" in text

    rows = table(paths[1])
    assert float(rows["all", "all"]["cost"]) == 2.0
    for kind in ("day", "voice", "client", "tenant", "provider", "language", "word_range"):
        assert sum(float(row["cost"]) for (group, _), row in rows.items() if group == kind) == 2.0
    assert rows["day", "2026-11-21"]["charge"] == "1.0"
    assert rows["voice", "joe"]["saved"] == "0.5"
    assert ("client", "'=HYPERLINK()") in rows  # no spreadsheet calculates it
    assert rows["machine", "idle"]["cost"] == "2.0"

    figures = json.loads(paths[2].read_text())
    assert figures["difference"] == 0.0
    assert figures["machines"]["core_seconds"]["idle"] == 7200.0
    page = paths[0].read_text()
    assert "<script" not in page
    assert "=HYPERLINK()" in page
    assert "acme" in page


def test_accounts_that_do_not_agree_are_reported(tmp_path: Path) -> None:
    text, _ = report_costs(
        settings_of(tmp_path, line(priced(1, 1.0)), machines(cost_requests=1.5, cost_idle=8.5)), None, NOW
    )
    assert "The accounts do not close" in text
    assert "by 5.00% of the machines' cost" in text


def test_without_prices_there_is_nothing_to_report(tmp_path: Path) -> None:
    text, paths = report_costs(settings_of(tmp_path, line(record(1))), None, NOW)
    assert "Nothing was priced in this period" in text
    assert "By voice" not in paths[0].read_text()


def test_requests_without_machines_have_a_cost(tmp_path: Path) -> None:
    text, _ = report_costs(settings_of(tmp_path, line(priced(1, 0.001))), None, NOW)
    assert text == (
        "1 requests cost 0.001 EUR, 1.00 EUR per thousand. "
        "No server reported its machine's time, so idle time is unknown."
    )


def traffic(days: int) -> bytes:
    """A request in each working hour of the days before NOW, two of them on Mondays, every tenth refused."""
    records, number = [], 0
    for day in range(days, 0, -1):
        for hour in range(8, 18):
            moment = NOW - timedelta(days=day) + timedelta(hours=hour)
            for _ in range(1 + (moment.isoweekday() == 1)):
                number += 1
                outcome = "rejected" if number % 10 == 0 else "ok"
                features = {"voice_name": "joe", "client": "shop" if hour < 12 else "app", "language": "en"}
                records.append(
                    record(number, at=moment - timedelta(seconds=number), word_count=5, outcome=outcome, **features)
                )
    return b"".join(line(each) for each in records)


def test_usage_of_a_month_with_a_forecast(tmp_path: Path) -> None:
    text, paths = report_usage(settings_of(tmp_path, traffic(35)), "2026-11", NOW)
    assert [path.name for path in paths] == ["usage-2026-11.html", "usage-2026-11.csv"]
    assert "The last seven days had 80 requests, +0.0% against the seven before." in text
    assert "The next seven days are expected to have 80 requests" in text
    assert "On 3 past weeks that it had not seen, such a forecast was 0.0% off on average" in text
    rows = table(paths[1])
    assert rows["all", "all"]["requests"] == str(24 * 10 + 4 * 10)  # 24 days, four of them Mondays
    assert rows["weekday_hour", "Monday 08"]["requests"] == "8"
    assert rows["weekday_hour", "Sunday 03"]["requests"] == "0"
    assert int(rows["client", "shop"]["requests"]) + int(rows["client", "app"]["requests"]) == 280
    assert rows["outcome", "rejected"]["requests"] == "28"
    assert int(rows["all", "all"]["words"]) == 5 * int(rows["all", "all"]["ok"])
    assert sum(float(row["requests"]) for (group, _), row in rows.items() if group == "forecast") == 80
    page = paths[0].read_text()
    assert "Week by week" in page
    assert "<script" not in page


def test_what_changed_most_is_told(tmp_path: Path) -> None:
    before = (record(number, at=NOW - timedelta(days=12), client="shop") for number in range(4))
    after = (record(number, at=NOW - timedelta(days=2), client="app") for number in range(9))
    early = record(1, at=NOW - timedelta(days=13, hours=20), client="shop")
    _, paths = report_usage(settings_of(tmp_path, line(early, *before, *after)), None, NOW)
    page = paths[0].read_text()
    assert '<td>client</td><td>app</td><td class="n">0</td><td class="n">9</td><td class="n">new</td>' in page
    assert '<td>client</td><td>shop</td><td class="n">5</td><td class="n">0</td><td class="n">-100.0%</td>' in page


def test_less_than_two_weeks_have_no_forecast(tmp_path: Path) -> None:
    text, paths = report_usage(settings_of(tmp_path, traffic(10)), None, NOW)
    assert "expected" not in text
    assert "The next week" not in paths[0].read_text()
    empty, _ = report_usage(settings_of(tmp_path / "state", b""), None, NOW)
    assert empty.startswith("0 requests, - of them ok")


@pytest.mark.parametrize("month", ["2026-13", "november", "2199-01"])
def test_a_wrong_month_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], month: str) -> None:
    arguments = ["report", "--usage", "--month", month, "--events", str(tmp_path), "--state", str(tmp_path / "state")]
    assert main(arguments) == 2
    assert "--month: " in capsys.readouterr().err


def test_the_command_writes_both_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings_of(tmp_path, traffic(3))
    arguments = ["report", "--cost", "--usage", "--month", "2026-11"]
    assert main([*arguments, "--events", str(tmp_path / "events"), "--state", str(tmp_path / "state")]) == 0
    written = [Path(each) for each in capsys.readouterr().out.splitlines() if each.startswith("/")]
    assert len(written) == 5
    assert all(path.stat().st_size for path in written)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "-"),
        (0.0, "0.00 EUR"),
        (1e-12, "0.00 EUR"),
        (0.000029764, "0.00002976 EUR"),
        (0.5, "0.5 EUR"),
        (0.0797, "0.0797 EUR"),
        (1234.567, "1,234.57 EUR"),
    ],
)
def test_amounts_are_readable(amount: float | None, text: str) -> None:
    assert money(amount, "EUR") == text


def test_lengths_are_in_their_order(tmp_path: Path) -> None:
    ranges = ("200+", "1-10", "11-25", "101-200")
    records = (record(number, word_count_range=each, cost=1.0) for number, each in enumerate(ranges))
    _, paths = report_usage(settings_of(tmp_path, line(*records)), None, NOW)
    assert [name for group, name in table(paths[1]) if group == "word_range"] == ["1-10", "11-25", "101-200", "200+"]
