"""Property tests try the same examples each time, and more of them where TTSCOPE_TEST_EXAMPLES asks for more."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from hypothesis import settings

from tests.examples import TIMES, USUAL
from tests.server_process import ROOT

TRIED = """
from hypothesis import given, settings, strategies as st
from tests.examples import examples, load_profile
load_profile()

@settings(max_examples=examples(3))
@given(st.integers())
def tried(number):
    print(number)

tried()
"""


def tried(times: int) -> list[str]:
    """The examples that one run of a test tries."""
    environment = {**os.environ, "TTSCOPE_TEST_EXAMPLES": str(times)}
    command = [sys.executable, "-c", TRIED]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_one_run_tries_what_the_other_tried() -> None:
    assert len(tried(1)) == 3
    assert tried(1) == tried(1)


def test_more_examples_are_others_each_time() -> None:
    assert len(tried(10)) == 30
    assert tried(10) != tried(10)


def test_the_profile_is_that_of_this_run() -> None:
    assert settings.default is not None
    assert settings.default.derandomize == (TIMES == 1)
    assert settings.default.max_examples == USUAL * TIMES


def test_every_count_can_be_multiplied() -> None:
    plain = re.compile(r"max_examples=\d")
    assert [path.name for path in ROOT.glob("tests/**/*.py") if plain.search(path.read_text())] == []
