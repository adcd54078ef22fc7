"""The same fuzzing as tests/integration/test_fuzz.py, of forty times as many inputs, and others at every run."""

from __future__ import annotations

import os
import time

import pytest

from tests.fuzz.running import fuzz
from tests.fuzz.targets import TARGETS
from tests.integration.test_fuzz import hold

INPUTS = int(os.environ.get("TTSCOPE_FUZZ_INPUTS", "200000"))
SEED = os.environ.get("TTSCOPE_FUZZ_SEED", time.strftime("%Y-%m-%d"))
"""Of the day, so that other inputs are tried every day, and a failure can be had again."""


@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("name", list(TARGETS))
def test_no_made_input_fails(name: str) -> None:
    target = TARGETS[name]
    report = fuzz(target, SEED, round(INPUTS * target.share))
    print(f"{name}: {report.tried} inputs of seed {SEED}, {len(report.failures)} failures")
    hold(target, report)
