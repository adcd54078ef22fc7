"""``python -m stack.scan PROGRAM``: writes the known vulnerabilities of a program's packages, as JSON of govulncheck.

It reads the sources with the flags of the build, so that packages which are not compiled in are not counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from stack.build import BuildError, build
from stack.programs import CGO, GOVULNCHECK, PROGRAMS
from stack.toolchain import NoGoError


def main() -> int:
    """Returns the exit code: that of govulncheck, which is 0 with findings too; 1 if it could not be built."""
    parser = argparse.ArgumentParser(prog="python -m stack.scan", description="Runs govulncheck over a program.")
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--database", required=True, metavar="URL", help="Go's vulnerability database, or a mirror")
    parser.add_argument("--level", choices=("package", "symbol"), default="package", help="symbol takes minutes")
    options = parser.parse_args()
    program = PROGRAMS[options.program]
    try:
        scanner = build([GOVULNCHECK], _say)[GOVULNCHECK.name]
    except (NoGoError, BuildError) as error:
        _say(f"ttscope: {error}")
        return 1
    flags = [f"-db={options.database}", f"-scan={options.level}", f"-tags={program.tags}", "-format=json"]
    return subprocess.run(  # noqa: S603 - the command is ours
        [scanner, *flags, *program.packages],
        cwd=program.folder,
        env={**os.environ, "CGO_ENABLED": CGO, "GOFLAGS": "-mod=readonly"},
        check=False,
    ).returncode


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - it is a command


if __name__ == "__main__":
    sys.exit(main())
