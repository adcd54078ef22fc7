"""Patches of Kustomize's components: strategic merges and the operations of RFC 6902 that the components use."""

from __future__ import annotations

import copy
from typing import Any

from deploy.chart.tree import IDENTITIES

DIRECTIVE = "$patch"
LISTS = ("containers", "initContainers", "env", "volumes", "volumeMounts", "ports")
"""The lists of a pod that a patch is merged into by the names of their elements; it replaces every other list."""


class PatchError(ValueError):
    """A patch that does not fit what it changes, or uses what this module does not know."""


def merge(target: Any, patch: Any, field: str = "") -> Any:
    """Returns ``target`` changed by a strategic merge patch; ``field`` is the key that both stand under."""
    if isinstance(target, dict) and isinstance(patch, dict):
        merged = dict(target)
        for key, value in patch.items():
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = merge(target[key], value, key) if key in target else copy.deepcopy(value)
        return merged
    if isinstance(target, list) and isinstance(patch, list) and field in LISTS:
        return _merge_list(target, patch, field)
    return copy.deepcopy(patch)


def _merge_list(target: list[Any], patch: list[Any], field: str) -> list[Any]:
    identity = next((key for key in IDENTITIES if all(key in element for element in [*target, *patch])), "")
    if not identity:
        raise PatchError(f"elements of {field} have no name")
    merged = {element[identity]: element for element in target}
    for element in patch:
        name = element[identity]
        if element.get(DIRECTIVE) == "delete":
            del merged[name]
        else:
            merged[name] = merge(merged[name], element) if name in merged else copy.deepcopy(element)
    return list(merged.values())


def operate(target: Any, operations: list[dict[str, Any]]) -> Any:
    """Returns ``target`` changed by a JSON patch. Raises PatchError if a test of it fails."""
    changed = copy.deepcopy(target)
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        holder = changed
        for part in parents:
            holder = holder[_key(holder, part)]
        _apply(holder, _key(holder, last), operation)
    return changed


def _key(holder: Any, part: str) -> Any:
    return part if isinstance(holder, dict) or part == "-" else int(part)


def _apply(holder: Any, key: Any, operation: dict[str, Any]) -> None:
    match operation["op"]:
        case "test" if holder[key] == operation["value"]:
            pass
        case "replace":
            holder[key] = operation["value"]
        case "remove":
            del holder[key]
        case "add" if isinstance(holder, list):
            holder.insert(len(holder) if key == "-" else key, operation["value"])
        case "add":
            holder[key] = operation["value"]
        case _:
            raise PatchError(f"{operation['op']} {operation['path']}")
