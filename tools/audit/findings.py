"""What an audit finds, and the advisories that this project has accepted."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


class NotAuditedError(Exception):
    """An audit could not be done, such as for want of a connection; nothing is known about what it should have read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A known vulnerability of something that is pinned."""

    package: str
    version: str
    identifiers: frozenset[str]
    """The identifier of the advisory and its aliases, such as GHSA-..., GO-... and CVE-..."""
    fixed: str
    """The versions without it; empty if there is none or the service names none."""
    places: tuple[str, ...]
    """The lock files or programs that have the package."""

    def __str__(self) -> str:
        remedy = f"fixed in {self.fixed}" if self.fixed else "no fixed version is known"
        return (
            f"{self.package} {self.version}: {', '.join(sorted(self.identifiers))}; {remedy}; {', '.join(self.places)}"
        )


def accepted(project: Path) -> dict[str, str]:
    """Returns why advisories were accepted, by identifier: [tool.ttscope.audit.accepted] of pyproject.toml."""
    tools = tomllib.loads(project.read_text())["tool"]
    return dict(tools.get("ttscope", {}).get("audit", {}).get("accepted", {}))


def open_findings(findings: Iterable[Finding], reasons: Mapping[str, str]) -> list[Finding]:
    """Returns the findings that nobody has accepted, sorted by package."""
    kept = [finding for finding in findings if not finding.identifiers & reasons.keys()]
    return sorted(kept, key=lambda finding: (finding.package, finding.version, sorted(finding.identifiers)))


def unused(findings: Iterable[Finding], reasons: Mapping[str, str]) -> list[str]:
    """Returns the accepted identifiers that no finding has any more."""
    present = {identifier for finding in findings for identifier in finding.identifiers}
    return sorted(reasons.keys() - present)
