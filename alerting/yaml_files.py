"""Writes readable YAML: in the order of the data, with multi-line strings as blocks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import yaml

HEADER = "# Generated from alerting/ by `make alerting`; do not edit.\n"


class _Dumper(yaml.SafeDumper):
    """A dumper that indents lists and uses no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|" if "\n" in text else None)


def _mapping(dumper: yaml.SafeDumper, data: dict[str, Any]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items())


_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(StrEnum, _text)
_Dumper.add_multi_representer(dict, _mapping)


def render(data: Mapping[str, Any], about: str = "") -> str:
    """Returns the text of the file, with ``about`` as a comment at the top."""
    comment = "".join(f"# {line}\n" for line in about.splitlines())
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    return HEADER + comment + "\n" + body
