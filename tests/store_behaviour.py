"""What every shared store must do; a test file imports it, with a fixture ``store``."""

from __future__ import annotations

import pytest

from server.shared.object_store import ObjectChanged, ObjectStore

NAME = "samples/default/ann.wav"


def test_an_empty_store_has_nothing(store: ObjectStore) -> None:
    assert store.list() == {}
    assert store.read(NAME) is None
    store.delete(NAME)


def test_what_is_written_is_listed_and_read_with_its_version(store: ObjectStore) -> None:
    version = store.write(NAME, b"first", None)
    assert version.size == 5
    assert store.list() == {NAME: version}
    assert store.read(NAME) == (b"first", version)


def test_each_content_has_another_version(store: ObjectStore) -> None:
    first = store.write(NAME, b"first", None)
    second = store.write(NAME, b"other", first)
    assert second.tag != first.tag
    assert store.list() == {NAME: second}
    assert store.read(NAME) == (b"other", second)


def test_a_write_that_expects_another_version_changes_nothing(store: ObjectStore) -> None:
    first = store.write(NAME, b"first", None)
    second = store.write(NAME, b"second", first)
    for expected in (None, first):
        with pytest.raises(ObjectChanged):
            store.write(NAME, b"third", expected)
    assert store.read(NAME) == (b"second", second)
    store.delete(NAME)
    with pytest.raises(ObjectChanged):
        store.write(NAME, b"third", second)
    assert store.list() == {}
