"""schemathesis makes requests of a server's own description, and holds every answer to it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.server_process import ROOT

SEED = "6"


def requests_of(url: str, folder: Path, examples: int, *options: str, seconds: float = 500) -> int:
    """The number of requests that were made, so many for each call beside what covers each bound of its schema.

    ``folder`` is where schemathesis may write; ``options`` are its own. Fails with what it found.
    """
    program, configuration = Path(sys.executable).parent / "schemathesis", ROOT / "tests" / "schemathesis.toml"
    fixed = ("--max-examples", str(examples), "--seed", SEED, "--generation-database", "none", "--no-color")
    done = subprocess.run(
        [program, "--config-file", configuration, "run", f"{url}/openapi.json", *fixed, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, re.sub(r"(.)\1{40,}", r"\1…", done.stdout)[-20_000:] + done.stderr
    generated, passed = re.search(r"(\d+) generated, (\d+) passed", done.stdout).groups()  # type: ignore[union-attr]
    assert generated == passed
    return int(passed)
