"""The Go packages of the pipeline's programs, checked by govulncheck against Go's vulnerability database.

Packages count that are compiled into a program. The level "symbol" counts only functions that a program calls; it takes
minutes and gigabytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from tools.audit.findings import Finding, NotAuditedError

DATABASE = "https://vuln.go.dev"
PROGRAMS = ("alertmanager", "collector", "jaeger", "prometheus")
LEVELS = {"package": "package", "symbol": "function"}
"""The levels of a scan, and the key that a finding of the level has in its trace."""


def audit(programs: Iterable[str] = PROGRAMS, url: str = DATABASE, level: str = "package") -> tuple[int, list[Finding]]:
    """Returns the number of the modules that were checked, and their findings. Raises NotAuditedError."""
    modules: set[tuple[str, str]] = set()
    findings: set[Finding] = set()
    for program in programs:
        messages = scanned(program, url, level)
        checked = next(message["SBOM"]["modules"] for message in messages if "SBOM" in message)
        modules.update((module["path"], module.get("version", "")) for module in checked)
        aliases = {message["osv"]["id"]: message["osv"].get("aliases", []) for message in messages if "osv" in message}
        for found in (message["finding"] for message in messages if "finding" in message):
            trace = found["trace"][0]
            if LEVELS[level] in trace:
                names = frozenset([found["osv"], *aliases[found["osv"]]])
                fixed = found.get("fixed_version", "")
                findings.add(Finding(trace["module"], trace["version"], names, fixed, (program,)))
    return len(modules), list(findings)


def scanned(program: str, url: str, level: str) -> list[dict[str, Any]]:
    """Returns govulncheck's messages about a program. Raises NotAuditedError."""
    command = [sys.executable, "-m", "stack.scan", program, f"--database={url}", f"--level={level}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotAuditedError(f"{program}, {url}: {done.stderr.strip()}")
    return list(_messages(done.stdout))


def _messages(output: str) -> Iterator[dict[str, Any]]:
    """Yields the JSON objects that stand one after the other."""
    decoder = json.JSONDecoder()
    rest = output.lstrip()
    while rest:
        message, end = decoder.raw_decode(rest)
        yield message
        rest = rest[end:].lstrip()
