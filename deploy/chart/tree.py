"""A manifest as the chart needs it: data in which some places are decided when the chart is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

Tree = Any
"""A mapping, a list or a scalar as YAML has them, or one of the classes below."""
IDENTITIES = ("name", "mountPath", "containerPort")
"""The keys by which Kubernetes tells the elements of a list apart; the first that all elements have counts."""


class Absent:
    """The value of a key that a mapping does not have."""


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Expression:
    """A scalar that Helm computes: the text between the braces. It must render to one line of YAML."""

    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a template that stand as they are, in place of elements of a list."""

    text: str


@dataclass(frozen=True, slots=True)
class Cases:
    """The subtree of the first condition that is true; ``otherwise`` if none is. A subtree may be ABSENT."""

    cases: tuple[tuple[str, Tree], ...]
    otherwise: Tree


def vary(base: Tree, variants: Sequence[tuple[str, Tree]]) -> Tree:
    """Returns a tree that renders to the variant whose condition holds, and to ``base`` where none does.

    Mappings and lists of named elements are compared key by key, so that conditions that change different places can
    hold together. Where two change the same place, the later one counts, as with Kustomize's components.
    """
    changed = [(condition, tree) for condition, tree in variants if tree != base]
    if not changed:
        return base
    removing = [condition for condition, tree in changed if tree is ABSENT]
    if removing:
        left = vary(base, [(condition, tree) for condition, tree in variants if tree is not ABSENT])
        return Cases(tuple((condition, ABSENT) for condition in removing), left)
    every = [base, *(tree for _, tree in variants)]
    if all(isinstance(tree, dict) for tree in every):
        return {key: vary(_at(base, key), _each(variants, key)) for key in _keys(every)}
    if identity := _identity(every):
        by_name = [{_name(element, identity): element for element in tree} for tree in every]
        named = [(condition, tree) for (condition, _), tree in zip(variants, by_name[1:], strict=True)]
        return [vary(_at(by_name[0], name), _each(named, name)) for name in _keys(by_name)]
    return Cases(tuple(reversed(changed)), base)


def _at(mapping: dict[str, Tree], key: str) -> Tree:
    return mapping.get(key, ABSENT)


def _each(variants: Sequence[tuple[str, dict[str, Tree]]], key: str) -> list[tuple[str, Tree]]:
    return [(condition, _at(tree, key)) for condition, tree in variants]


def _keys(mappings: Sequence[dict[str, Tree]]) -> list[str]:
    """All keys, in the order in which they are first met."""
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def _name(element: Tree, identity: str) -> str:
    return element.text if isinstance(element, Lines) else element[identity]


def _identity(trees: Sequence[Tree]) -> str:
    """The key that names every element of all these lists; empty if they are no such lists."""
    if not all(isinstance(tree, list) for tree in trees):
        return ""
    elements = [element for tree in trees for element in tree if not isinstance(element, Lines)]
    for key in IDENTITIES:
        if elements and all(isinstance(element, dict) and key in element for element in elements):
            return key
    return ""
