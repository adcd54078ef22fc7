"""The pronunciations of an installation: all files of one folder, read again when one changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from otel.support.watched_files import Version, file_version
from server.logs import LOGGER
from server.shared.shared_files import SharedFiles
from server.text.dictionary_files import MAX_ENTRIES, READERS, DictionaryEntry, DictionaryError, read, related
from server.text.lexicon import Lexicon

DICTIONARIES_FOLDER = "pronunciations"
"""The folder of the files, inside the data folder."""
POLL_SECONDS = 2.0
"""How often the folder is looked at; that takes 0.1 ms for ten files."""

T = TypeVar("T")
log = logging.getLogger(f"{LOGGER}.dictionaries")


class Dictionaries:
    """The entries of a folder's files. Files are taken by name, and of equal entries the last one counts.

    A file with a mistake is left out as a whole, and logged; one that was right before stays as it was. ``lexicon`` may
    be called by any thread.
    """

    def __init__(
        self, folder: Path, changed: Callable[[str], None] = lambda _: None, shared: SharedFiles | None = None
    ) -> None:
        """Reads no file yet; the folder need not exist. ``watch`` calls ``changed`` with the name of a file that was
        added, changed or removed. The files in ``shared`` come after those in the folder."""
        self._folder = folder
        self._shared = shared
        self._changed = changed
        self._versions: dict[Path, Version] = {}
        self._files: dict[Path, list[DictionaryEntry]] = {}
        self._entries: tuple[DictionaryEntry, ...] = ()
        self._languages: frozenset[str] = frozenset()
        """The languages of entries that are for one."""
        self._lexicons: dict[frozenset[str], Lexicon] = {}
        """Those of languages that have the same entries are one: else a client could fill the memory with languages."""
        self._problems: dict[Path, str] = {}

    @property
    def entries(self) -> tuple[DictionaryEntry, ...]:
        """All entries, those of later files last."""
        return self._entries

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with each file that could not be read, by its name."""
        return {path.name: problem for path, problem in self._problems.items()}

    def change(self, name: str, change: Callable[[Path], T]) -> T:
        """Applies ``change`` to the file of a name: to the shared one, if servers share files, else to that of the
        folder. Raises what ``change`` raises, and SharedStoreUnavailable."""
        if self._shared is not None:
            return self._shared.change(f"{DICTIONARIES_FOLDER}/{name}", change)
        return change(self._folder / name)

    def prepared(self, language: str) -> bool:
        """Whether ``lexicon`` returns at once; otherwise it takes 0.2 s for 20,000 entries."""
        return not self._entries or self._key(language) in self._lexicons

    def lexicon(self, language: str) -> Lexicon:
        """Returns the entries for texts in a language (BCP 47); those for this language alone precede others."""
        lexicons, key = self._lexicons, self._key(language)
        if key not in lexicons:
            fitting = (entry for entry in self._entries if entry.fits(language))
            by_language = sorted(fitting, key=lambda entry: len(entry.language))
            lexicons[key] = Lexicon((entry.pronunciation for entry in by_language), "dictionary")
        return lexicons[key]

    def load(self) -> bool:
        """Reads the files that have changed; returns whether there were any. Takes 0.2 s for 20,000 entries."""
        versions = self._look()
        if versions == self._versions:
            return False
        changed = [path for path, version in versions.items() if self._versions.get(path) != version]
        self._versions = versions
        files = {path: entries for path, entries in self._files.items() if path in versions}
        problems = {path: problem for path, problem in self._problems.items() if path in versions}
        for path in changed:
            problems.pop(path, None)
            try:
                files[path] = read(path)
            except (DictionaryError, OSError) as error:
                problems[path] = str(error) if isinstance(error, DictionaryError) else "it can't be read"
                log.warning(
                    "a file of pronunciations can't be used", extra={"file": path.name, "reason": problems[path]}
                )
        entries = tuple(entry for path in sorted(files) for entry in files[path])
        if len(entries) > MAX_ENTRIES:
            log.warning("there are too many pronunciations", extra={"reason": f"only the first {MAX_ENTRIES} are used"})
        self._problems = problems
        self._files, self._entries, self._lexicons = files, entries[:MAX_ENTRIES], {}
        self._languages = frozenset(entry.language for entry in self._entries if entry.language)
        return True

    async def watch(self) -> None:
        """Reads changed files for ever, in a thread."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            before = self._versions
            if await asyncio.to_thread(self.load):
                after = self._versions
                for path in sorted({*before, *after}):
                    if before.get(path) != after.get(path):
                        self._changed(path.name)
                log.info("the server has %d pronunciations now", len(self._entries))

    def _key(self, language: str) -> frozenset[str]:
        """Returns which of the languages that entries are for have entries for this one."""
        return frozenset(each for each in self._languages if related(each, language))

    def _look(self) -> dict[Path, Version]:
        """Returns the version of each file with a known kind of name."""
        paths: list[Path] = []
        for folder in (self._folder, *([self._shared.folder / DICTIONARIES_FOLDER] if self._shared else [])):
            with suppress(OSError):
                paths += (path for path in folder.iterdir() if path.suffix.lower() in READERS)
        return {path: version for path in sorted(paths) if (version := file_version(path)) is not None}
