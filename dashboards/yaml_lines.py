"""Reads untrusted YAML as plain values, with the line of each value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

BYTES = 64_000
"""The maximum size of a file."""
DEPTH = 10
"""The maximum nesting of lists and mappings."""

At = tuple[str | int, ...]
"""The path to a value: keys and indexes from the top."""


class NotYamlError(Exception):
    """The text can't be read; it has the reason and the line (from 1)."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


@dataclass(frozen=True, slots=True)
class Marked:
    """The value of a text, and the line of each of its parts."""

    value: Any
    lines: dict[At, int] = field(default_factory=dict)

    def line(self, path: At) -> int:
        """Returns the line of the value at ``path``, or of the nearest value that contains it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Marked:
    """Returns the single document of a text. Raises NotYamlError.

    Anchors and aliases are rejected, because a few lines of them can expand to gigabytes; tags, because they could
    create objects.
    """
    if len(text.encode()) > BYTES:
        raise NotYamlError(1, f"a file may have at most {BYTES:,} bytes")
    try:
        _refuse(text)
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYamlError(mark.line + 1 if mark else 1, f"it is not YAML: {error.problem}") from None
    except yaml.YAMLError:  # characters that YAML does not have
        raise NotYamlError(1, "it is not YAML: it has characters that can't be printed") from None
    if node is None:
        raise NotYamlError(1, "the file is empty")
    lines: dict[At, int] = {}
    return Marked(_value(node, (), lines), lines)


def _refuse(text: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise NotYamlError(line, "a file must have exactly one document")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise NotYamlError(line, "anchors and aliases (& and *) are not allowed")
        if getattr(event, "tag", None):
            raise NotYamlError(line, "tags (!) are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise NotYamlError(line, f"lists and mappings may be nested at most {DEPTH} deep")


def _value(node: yaml.Node, path: At, lines: dict[At, int]) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, number), lines) for number, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(node)
    mapping: dict[Any, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise NotYamlError(key.start_mark.line + 1, "a key must be a plain value")
        if key.value in mapping:
            raise NotYamlError(key.start_mark.line + 1, "this key appears twice in a mapping")
        mapping[key.value] = _value(value, (*path, key.value), lines)
        lines[*path, key.value] = key.start_mark.line + 1
    return mapping


def _scalar(node: yaml.Node) -> Any:
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError):  # 5,000 digits, 2026-02-31
        raise NotYamlError(
            node.start_mark.line + 1, "this is not a valid number or date; put it in quotes to make it a string"
        ) from None
