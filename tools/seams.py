"""How many arguments the seams of a synthesis take: the calls by which a request goes from one owner to the next."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from tools.checkout import FUNCTIONS, Module

SEAMS: Mapping[str, tuple[str, ...]] = {
    "the route asks the synthesizer": ("Synthesizer.speak",),
    "the synthesizer asks the cache": ("Cache.hear", "Cache.open"),
    "the synthesizer asks the fallback chain": ("Chain.speak", "FallbackChain.speak"),
    "the chain begins an attempt": ("Turn.__init__", "Attempt.__init__"),
}
"""Each seam's method, by its older and newer names. The first that a class in server/ defines is measured."""


def arguments(modules: Iterable[Module]) -> dict[str, tuple[str, int] | None]:
    """Returns for each seam its method and the method's number of arguments without ``self``; None if it has none.

    A dataclass that has no ``__init__`` in its body counts by the fields that must be given, if no other class fits.
    """
    classes = [node for module in modules if module.package == "server" for node in module.classes()]
    return {seam: _first(names, classes) for seam, names in SEAMS.items()}


def _first(names: tuple[str, ...], classes: Iterable[ast.ClassDef]) -> tuple[str, int] | None:
    owners = [(name, node) for name in names for node in classes if node.name == name.partition(".")[0]]
    for count in (_parameters, _fields):
        for name, node in owners:
            number = count(node, name.partition(".")[2])
            if number is not None:
                return name, number
    return None


def _parameters(node: ast.ClassDef, method: str) -> int | None:
    for statement in node.body:
        if isinstance(statement, FUNCTIONS) and statement.name == method:
            parameters = statement.args
            return len([*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]) - 1
    return None


def _fields(node: ast.ClassDef, method: str) -> int | None:
    if method != "__init__" or not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        return None
    return sum(isinstance(statement, ast.AnnAssign) and statement.value is None for statement in node.body)
