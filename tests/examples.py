"""How many examples Hypothesis tries: the same ones in `make test`, ten times as many by chance in `make test-long`."""

from __future__ import annotations

import os

from hypothesis import settings

TIMES = int(os.environ.get("TTSCOPE_TEST_EXAMPLES", "1"))
"""How many times the usual number; more than once, they are chosen by chance."""
USUAL = 100


def examples(count: int) -> int:
    """The ``max_examples`` of a test that tries ``count`` in `make test`."""
    return count * TIMES


def load_profile() -> None:
    """The settings of all tests; those of one test are on top of them. No test is about the machine's speed."""
    settings.register_profile(
        "ttscope", deadline=None, derandomize=TIMES == 1, max_examples=examples(USUAL), print_blob=True
    )
    settings.load_profile("ttscope")
