"""``python -m otel``: writes docs/telemetry.md and docs/registry/; ``--check`` reports whether they are up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from otel import docs, registry
from otel.support.generated import keep

DOCS = Path(__file__).parent.parent / "docs"


def files() -> dict[Path, str]:
    """Returns the content of each file."""
    return {
        DOCS / "telemetry.md": docs.render(),
        **{DOCS / "registry" / name: text for name, text in registry.files().items()},
    }


def main() -> int:
    """Returns the exit code: 1 if a file is out of date and was only checked."""
    contents = files()
    obsolete = {*(DOCS / "registry").glob("*")} - contents.keys()
    return keep(contents, obsolete, check="--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
