"""The Python packages of every lock file, checked by pip-audit against OSV."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tools.audit.findings import Finding, NotAuditedError
from tools.lock_files import Pin, pins

OSV = "https://api.osv.dev/v1/query"


def audit(locks: Iterable[Path], url: str = OSV) -> tuple[int, list[Finding]]:
    """Returns the number of the versions that were checked, and their findings. Raises NotAuditedError."""
    places: dict[Pin, list[str]] = {}
    for lock in locks:
        for pin in pins(lock):  # those of other platforms too: a marker is no protection there
            places.setdefault(Pin(pin.name, pin.version, pin.hashes, ""), []).append(lock.name)
    found = [
        (package, advisory)
        for group in _groups(places)
        for package in _checked(group, url)
        for advisory in package["vulns"]
    ]
    by_version = {(pin.name, pin.version): tuple(names) for pin, names in places.items()}
    return len(by_version), [
        Finding(
            package["name"],
            package["version"],
            frozenset([advisory["id"], *advisory["aliases"]]),
            ", ".join(advisory["fix_versions"]),
            by_version[package["name"], package["version"]],
        )
        for package, advisory in found
    ]


def _groups(pinned: Iterable[Pin]) -> list[list[Pin]]:
    """Returns the pins in groups that have each name once: pip-audit refuses two versions of a package."""
    groups: list[dict[str, Pin]] = []
    for pin in pinned:
        free = next((group for group in groups if pin.name not in group), None)
        if free is None:
            groups.append(free := {})
        free[pin.name] = pin
    return [list(group.values()) for group in groups]


def _checked(group: Iterable[Pin], url: str) -> list[dict[str, Any]]:
    """Returns pip-audit's answer for every pin of a group. Raises NotAuditedError."""
    command = Path(sys.prefix) / "audit" / "bin" / "pip-audit"
    if not command.exists():
        raise NotAuditedError("pip-audit is not installed: make audit installs it")
    expected = {(pin.name, pin.version) for pin in group}
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("".join(_line(pin) for pin in group))
        flags = ["--disable-pip", "--require-hashes", "--strict", "--progress-spinner=off", "--format=json"]
        done = subprocess.run(
            [command, *flags, "--vulnerability-service=osv", f"--osv-url={url}", f"--requirement={requirements}"],
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        answers: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:  # it exits with 1 for a finding and for a failure alike, but writes JSON for findings alone
        raise NotAuditedError(f"pip-audit got no answer from {url}: {_last(done.stderr)}") from None
    if missing := expected - {(answer["name"], answer["version"]) for answer in answers}:
        raise NotAuditedError(f"pip-audit left out {', '.join(sorted(name for name, _ in missing))}")
    return answers


def _line(pin: Pin) -> str:
    return " ".join([f"{pin.name}=={pin.version}", *(f"--hash={value}" for value in pin.hashes)]) + "\n"


def _last(output: str) -> str:
    return output.strip().splitlines()[-1] if output.strip() else "it wrote nothing"
