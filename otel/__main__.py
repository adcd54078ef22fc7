"""``python -m otel``: writes docs/telemetry.md and docs/stack.md; ``--check`` only says whether they are up to date."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from otel import reference
from otel.generated import keep
from otel.stack import reference as stack_reference

DOCS = Path(__file__).parent.parent / "docs"
PAGES: dict[str, Callable[[], str]] = {"telemetry.md": reference.render, "stack.md": stack_reference.render}


def main() -> int:
    """The exit code: 1 if a page is out of date and was only checked."""
    return keep({DOCS / name: render() for name, render in PAGES.items()}, check="--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
