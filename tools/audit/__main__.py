"""``python -m tools.audit``: looks up the known vulnerabilities of everything that is pinned.

Exit codes: 0 if nothing was found, 1 if something was found, 3 if something could not be looked up.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tools.audit import go_programs, npm_packages, python_packages
from tools.audit.findings import Finding, NotAuditedError, accepted, open_findings, unused
from tools.lock_files import lock_files

ROOT = Path(__file__).parents[2]
FOUND, NOT_AUDITED = 1, 3

Audit = Callable[[], tuple[int, list[Finding]]]
"""Returns how much was checked, and what was found. Raises NotAuditedError."""


def run(audits: Iterable[tuple[str, Audit]], reasons: dict[str, str]) -> int:
    """Prints what each audit finds, or why it was not done. Returns the exit code."""
    findings: list[Finding] = []
    failed = False
    for subject, audit in audits:
        try:
            count, found = audit()
        except NotAuditedError as error:
            failed = True
            print(f"NOT AUDITED: {subject}: {error}", file=sys.stderr)
        else:
            findings += found
            print(f"{subject}: {count} checked, {len(open_findings(found, reasons))} vulnerable")
    remaining = open_findings(findings, reasons)
    for finding in remaining:
        print(f"VULNERABLE: {finding}", file=sys.stderr)
    if not failed:
        for identifier in unused(findings, reasons):
            print(f"{identifier} is accepted in pyproject.toml, but nothing has it any more")
    if remaining:
        return FOUND
    return NOT_AUDITED if failed else 0


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description="Looks up known vulnerabilities.")
    parser.add_argument("--locks", nargs="*", type=Path, default=lock_files(ROOT), help="the lock files to check")
    parser.add_argument("--osv-url", default=python_packages.OSV, help="the query of OSV, or of a mirror")
    parser.add_argument("--go-database", default=go_programs.DATABASE, help="Go's database, or a mirror: http or file")
    parser.add_argument("--npm-registry", help="address of the registry, in place of the one that npm is set to")
    parser.add_argument("--programs", nargs="*", default=go_programs.PROGRAMS, help="the Go programs to check")
    parser.add_argument("--go-level", choices=go_programs.LEVELS, default="package", help="symbol takes minutes")
    options = parser.parse_args(arguments)
    audits: list[tuple[str, Audit]] = [
        ("Python packages", lambda: python_packages.audit(options.locks, options.osv_url)),
        ("Go modules", lambda: go_programs.audit(options.programs, options.go_database, options.go_level)),
        ("JavaScript packages", lambda: npm_packages.audit(ROOT / "tests" / "javascript", options.npm_registry)),
    ]
    return run(audits, accepted(ROOT / "pyproject.toml"))


if __name__ == "__main__":
    sys.exit(main())
