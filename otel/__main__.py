"""``python -m otel``: writes docs/telemetry.md and docs/stack.md; ``--check`` only says whether they are up to date."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from otel import reference
from otel.stack import reference as stack_reference

DOCS = Path(__file__).parent.parent / "docs"
PAGES: dict[str, Callable[[], str]] = {"telemetry.md": reference.render, "stack.md": stack_reference.render}


def main() -> int:
    """The exit code: 1 if a page is out of date and was only checked."""
    stale = [name for name, render in PAGES.items() if not _same(DOCS / name, render())]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"{name} is out of date: run make docs", file=sys.stderr)
        return int(bool(stale))
    for name in stale:
        (DOCS / name).write_text(PAGES[name]())
    return 0


def _same(path: Path, page: str) -> bool:
    return path.exists() and path.read_text() == page


if __name__ == "__main__":
    sys.exit(main())
