"""What native code and parsers see from strangers: made inputs, none of which may end a process or be our mistake."""

from __future__ import annotations

import pytest

from tests.fuzz.running import Report, fuzz, minimised, recheck
from tests.fuzz.target import Target, generator
from tests.fuzz.targets import TARGETS

INPUTS = 5_000
SEED = "1"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(TARGETS))
def test_no_known_input_fails(name: str) -> None:
    report = recheck(TARGETS[name])
    assert report.tried
    hold(TARGETS[name], report)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(TARGETS))
def test_no_made_input_fails(name: str) -> None:
    target = TARGETS[name]
    hold(target, fuzz(target, SEED, round(INPUTS * target.share)))


def test_all_inputs_are_shared_out() -> None:
    assert sum(target.share for target in TARGETS.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", list(TARGETS))
def test_the_same_seed_makes_the_same_inputs(name: str) -> None:
    target = TARGETS[name]
    made = [target.make(generator(target, SEED, number)) for number in range(20)]
    assert made == [target.make(generator(target, SEED, number)) for number in range(20)]
    assert len(set(made)) > 10


def hold(target: Target, report: Report) -> None:
    """Fails with the first failures, made smaller."""
    lines = [f"{len(report.failures)} of {report.tried} inputs of {target.name} failed"]
    for failure in report.failures[:3]:
        shown = minimised(target, failure) or failure
        lines.append(f"{failure.name}: {failure.reason}: {shown.data[:500]!r}")
    assert not report.failures, "\n".join(lines)
