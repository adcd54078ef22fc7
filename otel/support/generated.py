"""Keeps committed files that are generated from the code up to date; ``make lint`` names stale ones."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


def keep(
    contents: Mapping[Path, str], obsolete: Iterable[Path] = (), *, check: bool, command: str = "make docs"
) -> int:
    """Writes stale files and removes ``obsolete`` ones; with ``check`` it only names them.

    Returns the exit code: 1 if there are such files and ``check`` only named them. ``command`` would fix them.
    """
    stale = [path for path, text in contents.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        wrong = sorted([*stale, *obsolete])
        sys.stderr.writelines(f"{path} is out of date: run {command}\n" for path in wrong)
        return int(bool(wrong))
    for path in obsolete:
        path.unlink()
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents[path], encoding="utf-8")
    return 0
