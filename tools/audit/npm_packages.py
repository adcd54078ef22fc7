"""The JavaScript packages of the tests, checked by npm against its registry."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tools.audit.findings import Finding, NotAuditedError


def audit(folder: Path, registry: str | None = None) -> tuple[int, list[Finding]]:
    """Returns the number of the packages that package-lock.json names, and their findings. Raises NotAuditedError.

    ``registry`` is its address; None stands for the one that npm is set to.
    """
    if shutil.which("npm") is None:
        raise NotAuditedError("npm is not installed")
    flags = ["--package-lock-only", "--json", "--fetch-retries=0", *([f"--registry={registry}"] if registry else [])]
    done = subprocess.run(["npm", "audit", *flags], cwd=folder, capture_output=True, text=True, check=False)
    try:
        answer = json.loads(done.stdout)
        reports: dict[str, dict[str, Any]] = answer["vulnerabilities"]
    except (ValueError, KeyError):
        reason = done.stderr.strip().splitlines()[:1]
        raise NotAuditedError(f"npm got no answer from {registry or 'its registry'}: {''.join(reason)}") from None
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    return len(packages) - 1, [
        Finding(
            report["name"],
            packages[node]["version"],
            frozenset([advisory["url"].rsplit("/", 1)[-1]]),
            "",
            ("package-lock.json",),
        )
        for report in reports.values()
        for advisory in report["via"]
        if isinstance(advisory, dict)  # a string names a package that has a finding of its own
        for node in report["nodes"]
    ]
