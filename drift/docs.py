"""``python -m drift.docs`` writes the table of columns in drift/README.md; ``--check`` only checks it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from drift.columns.columns import COLUMNS
from otel.support.generated import keep

PAGE = Path(__file__).parent / "README.md"
HEAD = "| Column | Change of | What is compared | Which requests |\n| --- | --- | --- | --- |\n"


def render(page: str) -> str:
    """Returns ``page`` with the current table of columns. Raises ValueError when ``page`` has no such table."""
    rows = "".join(
        f"| `{column.name}` | {column.subject} | {column.compares} | {column.requests} |\n" for column in COLUMNS
    )
    before, head, after = page.partition(HEAD)
    if not head:
        raise ValueError("the page has no table of columns")
    return before + head + rows + re.sub(r"\A(\|.*\n)*", "", after)


def main() -> int:
    """Returns the exit code: 1 if the table is out of date and was only checked."""
    return keep({PAGE: render(PAGE.read_text(encoding="utf-8"))}, check="--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
