"""Fixtures of the live dashboard's tests: the stub of a source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.live.stub_source import StubSource


@pytest.fixture
def stub() -> Iterator[StubSource]:
    source = StubSource()
    yield source
    source.stop()
