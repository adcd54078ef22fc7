"""The gate of a deployment: exit codes, and how soon it is sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drift.gate import Gate
from drift.rows.store import Rows
from drift.sequential.builds import BuildVerdict, Margins
from drift.state.state_folder import StateFolder
from otel.contract.drift_changes import BuildState, ChangeMeasure
from tests.drift_job import settings_of
from tests.drift_traffic import HOUR, MONDAY, Hour, rows_of
from tests.unit.drift.test_change_job import write

BEGIN = MONDAY + 6 * HOUR


def canary(
    folder: Path,
    alter: Callable[[Hour], Hour],
    *,
    share: float = 0.5,
    rows: int = 400,
    recognised: float = 0.01,
    misheard: float = 0.0,
) -> None:
    """Three hours of the old build, and an hour of both. ``recognised`` is the share of clips that are checked, and
    ``misheard`` what is added to the word error rate of the new build."""
    for number in range(4):
        start = BEGIN + (number - 3) * HOUR
        hour = rows_of(Hour(rows=rows), start, np.random.default_rng(number))
        if number == 3:
            new = rows_of(replace(alter(Hour(rows=rows)), build="new"), start, np.random.default_rng(9))
            chosen = np.random.default_rng(5).random(rows) < share
            new["word_error_rate"] += misheard
            hour = pd.concat([hour[~chosen], new[chosen].assign(request_id="n" + new["request_id"][chosen])])
        write(folder / "events", hour.sort_values("time"), recognised)


class Clock:
    """A clock that sleeping sets."""

    def __init__(self, time: datetime) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def gate(folder: Path, seconds: float = 60, build: str = "new", margins: Margins | None = None) -> BuildVerdict:
    settings = settings_of(folder)
    state, clock = StateFolder.open(settings.state), Clock(BEGIN + HOUR)
    judge = Gate(
        settings,
        state=state,
        rows=Rows(state.rows),
        build=build,
        margins=margins or Margins(),
        now=clock.now,
        sleep=clock.sleep,
    )
    return judge.wait(seconds, 30)


@pytest.mark.parametrize(
    ("fault", "measure"), [({"latency": 1.6}, ChangeMeasure.LATENCY), ({"errors": 0.2}, ChangeMeasure.FAILURES)]
)
def test_a_worse_build_is_stopped(tmp_path: Path, fault: dict[str, float], measure: ChangeMeasure) -> None:
    canary(tmp_path, lambda hour: replace(hour, **fault), share=0.3)
    verdict = gate(tmp_path)
    assert verdict.state is BuildState.WORSE
    assert [each.measure for each in verdict.worse] == [measure]


def test_an_equal_build_is_no_worse(tmp_path: Path) -> None:
    canary(tmp_path, lambda hour: hour, rows=600)
    verdict = gate(tmp_path, margins=Margins(failures=0.06))
    assert verdict.state is BuildState.NO_WORSE
    assert {each.measure for each in verdict.measures} == {ChangeMeasure.LATENCY, ChangeMeasure.FAILURES}


def test_an_equal_build_whose_every_clip_is_checked_is_no_worse(tmp_path: Path) -> None:
    canary(tmp_path, lambda hour: hour, rows=1400, share=0.7, recognised=1.0)
    verdict = gate(tmp_path)
    assert verdict.state is BuildState.NO_WORSE
    assert {each.measure for each in verdict.measures} == {*ChangeMeasure}


def test_a_build_that_is_misheard_is_stopped(tmp_path: Path) -> None:
    canary(tmp_path, lambda hour: hour, recognised=1.0, misheard=0.1)
    verdict = gate(tmp_path)
    assert verdict.state is BuildState.WORSE
    assert [each.measure for each in verdict.worse] == [ChangeMeasure.WORD_ERROR_RATE]


def test_what_is_neither_is_undecided_when_its_time_is_over(tmp_path: Path) -> None:
    canary(tmp_path, lambda hour: replace(hour, latency=1.1), share=0.1)
    assert gate(tmp_path).state is BuildState.UNDECIDED


def test_without_requests_of_the_build_or_of_others_nothing_is_decided(tmp_path: Path) -> None:
    canary(tmp_path, lambda hour: hour, rows=40)
    assert gate(tmp_path, build="another").state is BuildState.PENDING
    assert gate(tmp_path).state is BuildState.PENDING


def test_a_full_switch_is_compared_with_the_time_before(tmp_path: Path) -> None:
    canary(tmp_path, lambda hour: replace(hour, latency=2.5), share=1.0, rows=600)
    assert gate(tmp_path).state is BuildState.WORSE


def test_the_command_has_an_exit_code_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from drift import __main__ as command

    def verdict(state: BuildState) -> BuildVerdict:
        return BuildVerdict("new", state, 0.0, 1.0, 70, ())

    arguments = ["gate", "--build", "new", "--state", str(tmp_path)]
    monkeypatch.setattr(command, "configure", lambda formatter, level: None)
    for state, code in {
        BuildState.WORSE: 3,
        BuildState.NO_WORSE: 0,
        BuildState.UNDECIDED: 0,
        BuildState.PENDING: 4,
    }.items():
        monkeypatch.setattr("drift.assembly.gated", lambda *_, state=state, **__: verdict(state))
        assert command.main(arguments) == code
        assert "Build new, after 70 requests" in capsys.readouterr().out
    assert command.main([*arguments, "--latency-margin", "0.5"]) == 2
    assert "--latency-margin above 1" in capsys.readouterr().err
