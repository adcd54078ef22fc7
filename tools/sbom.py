"""``python -m tools.sbom FOLDER``: writes a CycloneDX list of the packages of each lock file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.lock_files import lock_files

ROOT = Path(__file__).parents[1]


def write(folder: Path, lock: Path) -> Path:
    """Writes NAME.cdx.json for the lock file NAME.lock, the same bytes for the same lock; returns its path.

    It has names, versions and hashes. Licences and who requires what are not in a lock file; the lists inside the
    images have both.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{lock.stem}.cdx.json"
    command = Path(sys.prefix) / "audit" / "bin" / "cyclonedx-py"
    flags = ["--output-reproducible", "--pyproject=pyproject.toml", f"--output-file={path}"]
    subprocess.run(
        [command, "requirements", *flags, lock.relative_to(ROOT)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},  # it warns that nobody requires anything
        check=True,
    )
    return path


def main() -> int:
    """Returns the exit code: 2 without a folder."""
    if len(sys.argv) != 2:
        print("usage: python -m tools.sbom FOLDER", file=sys.stderr)
        return 2
    for lock in lock_files(ROOT):
        print(write(Path(sys.argv[1]), lock))
    return 0


if __name__ == "__main__":
    sys.exit(main())
