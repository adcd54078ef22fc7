"""YAML that a stranger may have written, as plain values, and the line on which each stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

BYTES = 64_000
"""The most that a file may have."""
DEPTH = 10
"""Lists and mappings inside each other."""

At = tuple[str | int, ...]
"""How to get to a value: keys and indexes from the top."""


class NotYamlError(Exception):
    """The text can't be read: why, and on which line (from 1)."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


@dataclass(frozen=True, slots=True)
class Marked:
    """What a text says, and where it says it."""

    value: Any
    lines: dict[At, int] = field(default_factory=dict)

    def line(self, path: At) -> int:
        """The line of what stands at ``path``, or of what it would be a part of."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Marked:
    """The only document of a text. Raises NotYamlError.

    No anchors and aliases: a few lines of them can stand for gigabytes. No tags: they could make objects.
    """
    if len(text.encode()) > BYTES:
        raise NotYamlError(1, f"a file has at most {BYTES:,} bytes")
    try:
        _refuse(text)
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYamlError(mark.line + 1 if mark else 1, f"it is not YAML: {error.problem}") from None
    except yaml.YAMLError:  # characters that YAML does not have
        raise NotYamlError(1, "it is not YAML: it has characters that can't be printed") from None
    if node is None:
        raise NotYamlError(1, "it is empty")
    lines: dict[At, int] = {}
    return Marked(_value(node, (), lines), lines)


def _refuse(text: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise NotYamlError(line, "there is one document in a file")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise NotYamlError(line, "anchors and aliases (& and *) are not taken")
        if getattr(event, "tag", None):
            raise NotYamlError(line, "tags (!) are not taken")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise NotYamlError(line, f"lists and mappings are at most {DEPTH} deep")


def _value(node: yaml.Node, path: At, lines: dict[At, int]) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, number), lines) for number, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(node)
    found: dict[Any, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise NotYamlError(key.start_mark.line + 1, "a key is a word")
        if key.value in found:
            raise NotYamlError(key.start_mark.line + 1, "the same key stands twice in a mapping")
        found[key.value] = _value(value, (*path, key.value), lines)
        lines[*path, key.value] = key.start_mark.line + 1
    return found


def _scalar(node: yaml.Node) -> Any:
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError):  # 5,000 digits, 2026-02-31
        raise NotYamlError(node.start_mark.line + 1, "that is no number and no date; in quotes it is a text") from None
