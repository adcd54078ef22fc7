"""``python -m dashboards build``: writes Grafana's files and the table of panels; ``--check`` says which are stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dashboards.boards import BOARDS
from dashboards.readme import README, with_table
from dashboards.rendering import render

FOLDER = Path(__file__).parent / "grafana"


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 if a file is out of date and was only checked."""
    parser = argparse.ArgumentParser(prog="python -m dashboards build", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a file is not as it should be"
    )
    check = parser.parse_args(arguments).check
    wanted = {**files(), README: with_table(README.read_text(encoding="utf-8"))}
    stale = {path: text for path, text in wanted.items() if not _same(path, text)}
    left = sorted(set(FOLDER.rglob("*.json")) - set(wanted))
    if check:
        for path in (*stale, *left):
            sys.stderr.write(f"{path.relative_to(FOLDER.parent)} is out of date: run make docs\n")
        return 1 if stale or left else 0
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in left:
        path.unlink()
    return 0


def files() -> dict[Path, str]:
    """Grafana's files, by their paths."""
    return {FOLDER / f"{board.uid.removeprefix('ttscope-')}.json": render(board) for board in BOARDS}


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text
