"""Changes single entries of a CSV file of pronunciations, which a server may read at any time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from otel.support.replaced_file import replaced
from server.text.dictionary_files import MAX_ENTRIES, DictionaryEntry, DictionaryError, read, write_csv
from server.text.lexicon import Pronunciation

ADDED_FILE = "added.csv"
"""The file of entries that were added one by one."""


def put(path: Path, entry: DictionaryEntry) -> None:
    """Adds an entry in place of one for the same words. Raises DictionaryError, and OSError."""
    with _locked(path.parent):
        others = [each for each in _entries(path) if not alike(entry, each)]
        if len(others) >= MAX_ENTRIES:
            raise DictionaryError(f"the file has {MAX_ENTRIES} entries already")
        _write(path, [*others, entry])


def delete(path: Path, entry: DictionaryEntry) -> bool:
    """Removes the entry for the same words; returns whether there was one. Raises DictionaryError, and OSError."""
    with _locked(path.parent):
        entries = _entries(path)
        others = [each for each in entries if not alike(entry, each)]
        if len(others) < len(entries):
            _write(path, others)
        return len(others) < len(entries)


def alike(one: DictionaryEntry, other: DictionaryEntry) -> bool:
    """Returns whether two entries are for the same words, language and spelling, however they are said."""
    return _words(one) == _words(other)


def _words(entry: DictionaryEntry) -> tuple[str, str, bool, bool]:
    said: Pronunciation = entry.pronunciation
    return entry.language, said.text, said.case, said.whole_word


def _entries(path: Path) -> list[DictionaryEntry]:
    return read(path) if path.exists() else []


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Makes the folder, and lets one program at a time change its files."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, entries: Sequence[DictionaryEntry]) -> None:
    """Writes the file, which is complete at any time."""
    with replaced(path, mode=0o644) as draft:  # the server may run as another user
        draft.write_text(write_csv(entries), encoding="utf-8")
