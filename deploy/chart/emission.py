"""Writes trees as the text of Helm's templates."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import yaml

from deploy.chart.tree import ABSENT, Cases, Expression, Lines, Tree

STEP = "  "
BRACES = "{{"


class TemplateTextError(ValueError):
    """A string of a manifest that Helm would take for a template."""


def template(trees: Iterable[Tree], header: str) -> str:
    """Returns the text of a template with one document for each tree; Cases decide whether a document is there."""
    lines = [f"{{{{- /* {header} */ -}}}}"]
    for tree in trees:
        lines += _cases(tree, "", _document) if isinstance(tree, Cases) else _document(tree, "")
    return "\n".join(lines) + "\n"


def _document(tree: Tree, indent: str) -> Iterator[str]:
    yield "---"
    yield from _mapping(tree, indent)


def _mapping(mapping: dict[str, Tree], indent: str) -> Iterator[str]:
    for key, value in mapping.items():
        yield from _entry(key, value, indent)


def _entry(key: str, value: Tree, indent: str) -> Iterator[str]:
    if isinstance(value, Cases):
        yield from _cases(value, indent, lambda tree, indent: _entry(key, tree, indent))
    elif isinstance(value, dict) and value:
        yield f"{indent}{_scalar(key)}:"
        yield from _mapping(value, indent + STEP)
    elif isinstance(value, list) and value:
        yield f"{indent}{_scalar(key)}:"
        for element in value:
            yield from _element(element, indent + STEP)
    else:
        yield f"{indent}{_scalar(key)}: {_scalar(value)}"


def _element(value: Tree, indent: str) -> Iterator[str]:
    if isinstance(value, Cases):
        yield from _cases(value, indent, _element)
    elif isinstance(value, Lines):
        yield from (f"{indent}{line}" for line in value.text.splitlines())
    elif isinstance(value, dict) and value:
        if isinstance(next(iter(value.values())), Cases):
            raise NotImplementedError(f"the first key of an element depends on a condition: {next(iter(value))}")
        for number, line in enumerate(_mapping(value, indent + STEP)):
            yield line if number else f"{indent}- {line.removeprefix(indent + STEP)}"
    elif isinstance(value, list) and value:
        raise NotImplementedError("no manifest has a list in a list")
    else:
        yield f"{indent}- {_scalar(value)}"


def _cases(cases: Cases, indent: str, emit: Callable[[Tree, str], Iterator[str]]) -> Iterator[str]:
    if all(tree is ABSENT for _, tree in cases.cases):
        none = " ".join(f"({condition})" for condition, _ in cases.cases)
        branches = [(f"if not {none}" if len(cases.cases) == 1 else f"if not (or {none})", cases.otherwise)]
    else:
        branches = [
            (f"{'else ' * bool(number)}if {condition}", tree) for number, (condition, tree) in enumerate(cases.cases)
        ]
        branches += [("else", cases.otherwise)] if cases.otherwise is not ABSENT else []
    for branch, tree in branches:
        yield f"{indent}{{{{- {branch} }}}}"
        if tree is not ABSENT:
            yield from emit(tree, indent)
    yield f"{indent}{{{{- end }}}}"


def _scalar(value: Any) -> str:
    if isinstance(value, Expression):
        return f"{{{{ {value.text} }}}}"
    if isinstance(value, str):
        if BRACES in value:
            raise TemplateTextError(value)
        if "\n" in value:
            return json.dumps(value)
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
