"""``python -m otel``: writes docs/telemetry.md; ``--check`` only reports whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from otel import docs
from otel.support.generated import keep

PAGE = Path(__file__).parent.parent / "docs" / "telemetry.md"


def main() -> int:
    """Returns the exit code: 1 if the page is out of date and was only checked."""
    return keep({PAGE: docs.render()}, check="--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
