"""``python -m otel``: writes docs/telemetry.md; ``--check`` only says whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from otel.reference import render

PAGE = Path(__file__).parent.parent / "docs" / "telemetry.md"


def main() -> int:
    """The exit code: 1 if the page is out of date and was only checked."""
    page = render()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text() == page:
            return 0
        print(f"{PAGE.name} is out of date: run make docs", file=sys.stderr)
        return 1
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
