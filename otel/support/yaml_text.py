"""Writes readable YAML: in the order of the data, with multi-line strings as blocks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import yaml


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


def dump(data: Mapping[str, Any]) -> str:
    """Returns the data as YAML; values are plain ones, enums of strings, lists and mappings of them."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
