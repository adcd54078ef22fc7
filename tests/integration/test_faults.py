"""Faults under load with the real programs: nothing is lost beyond what is promised, and all comes back by itself.

These are the faults that no other test of `make test` makes and that take less than a minute; tests/long has all of
them, and docs/reliability.md the table. See tests/faults.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import every  # noqa: F401 - it registers the faults
from tests.faults.fault import FAULTS
from tests.faults.places import Sites
from tests.faults.trial import run

pytestmark = pytest.mark.timeout(1800)  # it builds the programs of the pipeline, if they are not in the cache

MOST_IMPORTANT = (
    "phonemes-crashed",
    "phoneme-fork-server-killed",
    "encoding-killed",
    "server-killed",
    "server-told-to-end",
    "redis-stopped",
    "no-handles",
    "clients-vanish",
    "voice-deleted",
)


@pytest.fixture(scope="module")
def sites(voices_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with Sites(tmp_path_factory.mktemp("faults"), voices_folder) as sites:
        yield sites


@pytest.mark.parametrize("name", MOST_IMPORTANT)
def test_what_is_promised_of_a_fault_is_kept(sites: Sites, name: str) -> None:
    fault = FAULTS[name]
    assert run(fault, sites[fault.place]).broken == []
