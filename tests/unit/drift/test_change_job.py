"""The change job: each request is tested once, whatever is interrupted, and what was found reaches every output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from drift import files
from drift.change_job import ChangeJob
from drift.outputs.change_gauges import ChangeGauges
from drift.outputs.change_outputs import ChangeEventOutput, ChangeWebhookOutput, configured_for_changes
from drift.outputs.outbox import NotDelivered
from drift.rows.fields import FIELDS
from drift.rows.store import Rows
from drift.sequential import memory as memories
from drift.sequential.builds import Margins
from drift.sequential.news import News
from drift.settings import Settings
from drift.state.clock import ClockReading
from drift.state.state_folder import LastRun, StateFolder
from otel.contract.drift_changes import BuildState
from otel.contract.event_fields import CHANGE_EVENT, ChangeField
from tests.collector import Collector
from tests.drift_job import settings_of
from tests.drift_traffic import HOUR, MONDAY, Hour, Service, rows_of, week

SERVICE = Service(11, rows=150)
HOURS = 31
"""Of these the last one is tested."""
BEGIN = MONDAY + HOURS * HOUR
KINDS = {"text": "stringValue", "integer": "intValue", "number": "doubleValue", "flag": "boolValue"}


def write(folder: Path, rows: pd.DataFrame, recognised: float = 0.01) -> None:
    """Appends rows as the events that they came from; one clip in a hundred was recognised, as by default."""
    checked = np.random.default_rng(20).random(len(rows)) < recognised
    rows = rows.assign(word_error_rate=rows["word_error_rate"].where(checked))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "requests.jsonl").open("a", encoding="utf-8") as file:
        for row in rows.to_dict("records"):
            attributes = []
            for field in FIELDS:
                value = row.get(field.name)
                if value is None or pd.isna(value):
                    continue
                plain = {"text": str, "integer": lambda v: str(int(v)), "number": float, "flag": bool}[field.type](
                    value
                )
                attributes.append({"key": field.feature, "value": {KINDS[field.type]: plain}})
            record = {
                "timeUnixNano": str(int(row["time"].timestamp() * 1e9)),
                "eventName": "tts.request",
                "attributes": attributes,
            }
            line = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": [record]}]}]}
            file.write(json.dumps(line) + "\n")


class Listener:
    """An output of the test's own."""

    name = "event"

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.deaf = False

    def deliver(self, news: News) -> None:
        if self.deaf:
            raise NotDelivered("nobody listens")
        self.heard.append(news.text)


class House:
    """A service's events, and a job that looks at them at given times."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = settings_of(folder)
        self.events = folder / "events"
        self.state = StateFolder.open(self.settings.state)
        self.listener = Listener()
        self.reader = InMemoryMetricReader()
        self.gauges = ChangeGauges([self.reader], self.settings.state)

    def look(self, time: datetime) -> list[News]:
        job = ChangeJob(
            self.settings,
            state=self.state,
            rows=Rows(self.state.rows),
            outputs=[self.listener],
            gauges=self.gauges,
            clock=lambda: ClockReading(time, "boot", time.timestamp()),
            margins=Margins(failures=0.06),  # so that few requests are enough
        )
        return job.run()

    def shown(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        data = self.reader.get_metrics_data()
        return {
            metric.name: [
                ({k: v for k, v in dict(p.attributes).items() if v}, p.value) for p in metric.data.data_points
            ]
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def memory(self) -> memories.Memory:
        return memories.load(self.settings.state)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder whose job has fitted its expectation, and tested an hour."""
    folder = tmp_path_factory.mktemp("learned")
    house = House(folder)
    for start, rows in week(SERVICE, HOURS):
        if start == BEGIN - HOUR:
            assert house.look(start) == []
        write(house.events, rows)
    assert house.look(BEGIN) == []
    assert house.memory().expectation is not None
    house.gauges.close(1)
    return folder


@pytest.fixture
def house(learned: Path, tmp_path: Path) -> Iterator[House]:
    import shutil

    shutil.copytree(learned, tmp_path / "copy", symlinks=True)
    house = House(tmp_path / "copy")
    yield house
    house.gauges.close(1)


def minutes(rows: pd.DataFrame, start: datetime, width: int = 10) -> Iterator[tuple[datetime, pd.DataFrame]]:
    """The rows by ten minutes, each with the time of its end."""
    for number in range(60 // width):
        begin, end = start + timedelta(minutes=width * number), start + timedelta(minutes=width * (number + 1))
        yield end, rows[(rows["time"] >= begin) & (rows["time"] < end)]


def slow(build: str = "0.2.0", latency: float = 2.0, rows: int = 400, start: datetime = BEGIN) -> pd.DataFrame:
    altered = rows_of(Hour(rows=rows, latency=latency, build=build), start, np.random.default_rng(1))
    return altered.assign(request_id="slow" + altered["request_id"])


def test_nothing_is_tested_before_a_day_of_requests(tmp_path: Path) -> None:
    house = House(tmp_path)
    for _, rows in week(SERVICE, 5):
        write(house.events, rows)
    assert house.look(MONDAY + 5 * HOUR) == []
    assert house.memory().expectation is None
    assert "a day of requests is needed" in (house.settings.state / "changes.html").read_text()
    assert "tts.change.detected" not in house.shown()


def test_a_change_is_found_minutes_after_it_began_and_is_told_everywhere(house: House) -> None:
    found: list[News] = []
    for end, rows in minutes(slow(), BEGIN):
        write(house.events, rows)
        found += house.look(end)
        begun = [news for news in found if news.fields[ChangeField.KIND.value] == "began"]
        if begun:
            break
    assert end <= BEGIN + timedelta(minutes=30)
    text = begun[0].text
    assert text.startswith("Since 0")
    assert "times slower for the same text" in text
    assert "since build 0.2.0" in text
    assert house.listener.heard == [news.text for news in found]
    page = (house.settings.state / "changes.html").read_text()
    assert "times slower for the same text" in page
    assert "<script" not in page
    shown = house.shown()
    assert ({"measure": "latency"}, 1.0) in shown["tts.change.detected"]
    assert ({"measure": "failures"}, 0.0) in shown["tts.change.detected"]
    (ratio,) = [value for labels, value in shown["tts.change.ratio"] if labels == {"measure": "latency"}]
    assert ratio == pytest.approx(2.0, rel=0.3)
    assert shown["tts.change.last_check.timestamp"] == [({}, end.timestamp())]


def test_each_request_is_tested_once_though_files_are_read_again(house: House) -> None:
    rows = slow(latency=1.0, rows=150)
    write(house.events, rows)
    house.look(BEGIN + HOUR)
    once = house.memory().monitor
    house.look(BEGIN + HOUR + timedelta(minutes=1))
    (house.state.rows / "ledger.json").write_text("damaged")
    house.look(BEGIN + HOUR + timedelta(minutes=2))
    assert house.memory().monitor == once
    assert house.memory().commit > 0


def test_a_crash_at_any_point_repeats_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends before its memory is saved, or while it delivers: the next round ends where this one would."""
    write(house.events, slow())

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for place in ("drift.change_job.memories.save", "drift.change_job.changes_page.write", "drift.rows.parquet.merge"):
        with monkeypatch.context() as patch:
            patch.setattr(place, crash)
            with suppress(KeyboardInterrupt):
                house.look(BEGIN + HOUR)
    house.look(BEGIN + HOUR)
    memory = house.memory()
    texts = [news.text for news in memory.news]
    assert len(texts) == len(set(texts)) >= 1
    assert set(house.listener.heard) == set(texts)
    assert memory.pending == []


def test_news_that_nobody_hears_are_told_later(house: House) -> None:
    house.listener.deaf = True
    write(house.events, slow())
    found = house.look(BEGIN + HOUR)
    assert len(house.memory().pending) == len(found) > 0
    house.listener.deaf = False
    house.look(BEGIN + HOUR + timedelta(minutes=1))
    assert house.listener.heard == [news.text for news in found]
    assert house.memory().pending == []


def test_a_new_build_gets_a_verdict_by_itself(house: House) -> None:
    """Beside the old one, which answers as many requests."""
    verdicts = []
    for number in range(3):
        start = BEGIN + number * HOUR
        old = rows_of(Hour(rows=200), start, np.random.default_rng(number))
        new = rows_of(Hour(rows=200, build="0.3.0"), start, np.random.default_rng(100 + number))
        write(house.events, pd.concat([old, new.assign(request_id="n" + new["request_id"])]).sort_values("time"))
        verdicts += house.look(start + HOUR)
    (verdict,) = verdicts
    assert verdict.fields[ChangeField.STATE.value] == BuildState.NO_WORSE
    assert verdict.text.startswith("Build 0.3.0, after ")
    assert "no worse" in verdict.text
    assert house.shown()["tts.build.worse"] == [({"measure": "latency"}, 0.0), ({"measure": "failures"}, 0.0)]


def test_a_worse_build_is_called_worse(house: House) -> None:
    write(house.events, slow(latency=1.6))
    found = house.look(BEGIN + HOUR)
    (verdict,) = [news for news in found if news.fields[ChangeField.KIND.value] == "build"]
    assert verdict.fields[ChangeField.STATE.value] == BuildState.WORSE
    assert verdict.fields[ChangeField.MEASURE.value] == "latency"
    assert ({"measure": "latency"}, 1.0) in house.shown()["tts.build.worse"]


def test_a_clock_that_is_not_trusted_stops_it(house: House) -> None:
    write(house.events, slow())
    house.state.note_run(LastRun(ClockReading(BEGIN + 400 * 24 * HOUR, "boot", 0.0), succeeded=True))
    assert house.look(BEGIN + HOUR) == []
    assert house.memory().monitor.time < BEGIN.timestamp()


def test_a_damaged_memory_is_made_anew(house: House) -> None:
    (house.settings.state / memories.NAME).write_text('{"monitor": 7}')
    house.look(BEGIN + HOUR)
    assert house.memory().expectation is not None


def test_small_parts_are_merged_and_no_row_is_lost(house: House) -> None:
    rows = slow(latency=1.0, rows=120)
    for end, some in minutes(rows, BEGIN):
        write(house.events, some)
        house.look(end)
    folder = house.state.rows / "hours" / f"{BEGIN:%Y-%m-%dT%HZ}"
    assert len(list(folder.iterdir())) == 6
    house.look(BEGIN + 2 * HOUR)
    (merged,) = folder.iterdir()
    store = Rows(house.state.rows)
    window = store.window(BEGIN, BEGIN + HOUR, most=1000)
    assert (window.count, window.duplicates) == (120, 0)
    assert set(window.frame["request_id"]) == set(rows["request_id"])
    # a crash that leaves both behind
    write(house.events, rows.iloc[:0])
    (folder / merged.name.replace("9999", "0001")).write_bytes(merged.read_bytes())
    assert store.window(BEGIN, BEGIN + HOUR, most=1000).count == 120
    assert not list(folder.glob(f"{files.UNFINISHED}*"))


def test_the_event_reaches_a_collector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    collector = Collector()
    try:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        (output,) = configured_for_changes(settings_of(tmp_path))
        assert isinstance(output, ChangeEventOutput)
        fields = {ChangeField.KIND.value: "began", ChangeField.RATIO.value: 1.5}
        output.deliver(News("id", datetime(2026, 11, 24, tzinfo=UTC).timestamp(), "text", True, fields))
        (event,) = collector.events()
        assert event.event_name == CHANGE_EVENT
        assert event.severity_text == "WARN"
    finally:
        collector.stop()


def test_the_webhook_gets_the_fields_by_their_short_names(tmp_path: Path) -> None:
    class Hook:
        shown = "http://hook"

        def post(self, message: dict, key: str) -> None:
            self.message, self.key = message, key

    hook = Hook()
    output = ChangeWebhookOutput(hook, 5)
    output.deliver(News("id", 0.0, "text", True, {ChangeField.TEXT.value: "text", ChangeField.BUILD.value: "b"}))
    assert hook.message == {"text": "text", "build": "b"}
