"""Every fault of the table under load, as `python -m tests.faults` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import every  # noqa: F401 - it registers the faults
from tests.faults.fault import FAULTS
from tests.faults.places import Sites
from tests.faults.trial import run

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def sites(voices_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with Sites(tmp_path_factory.mktemp("faults"), voices_folder) as sites:
        yield sites


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_promised_of_a_fault_is_kept(sites: Sites, name: str) -> None:
    fault = FAULTS[name]
    assert run(fault, sites[fault.place]).broken == []
