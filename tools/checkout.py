"""The Python modules of a checkout, parsed: what every measure in this folder reads.

It takes any checkout of any age, so that two versions are measured by the same code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

PACKAGES = ("server", "otel", "stack", "drift", "dashboards", "bench", "alerting")
"""The product. Tests and these scripts are not measured."""
SPECIAL = ("__init__", "__main__")
"""File names that Python asks for."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """A Python file. ``path`` is relative to the checkout."""

    path: PurePosixPath
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def package(self) -> str:
        """The top-level package."""
        return self.path.parts[0]

    @property
    def folder(self) -> str:
        return str(self.path.parent)

    @property
    def dotted(self) -> str:
        """The name by which it is imported."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def lines(self) -> int:
        return len(self.source.splitlines())

    def classes(self) -> Iterator[ast.ClassDef]:
        """All classes, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """All functions and methods, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS))


def modules(checkout: Path, packages: tuple[str, ...] = PACKAGES) -> list[Module]:
    """The modules of those ``packages`` that the checkout has, sorted by path."""
    paths = sorted(path for package in packages for path in (checkout / package).rglob("*.py"))
    return [Module(PurePosixPath(path.relative_to(checkout).as_posix()), path.read_text("utf-8")) for path in paths]


def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: ``_TextTooLong`` and ``text_too_long`` give text, too, long."""
    return tuple(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name))
