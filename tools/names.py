"""Measures of names and docstrings: names with two homes, generic names, docstrings without a subject."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tools.checkout import FUNCTIONS, SPECIAL, Module

GENERIC = frozenset(
    """
    asked became been begun born bound bought brought called came caught chosen come done drawn due ended fallen felt
    fetched found gave given gone got grown had heard held hers his kept knew known laid led left lent let likes lost
    made meant met mine moved named needed now noted ours own paid part played put read said saw seen sent shown spoke
    spoken stood taken than that their theirs them then these they this those thought thus told took tried used wanted
    was went were what whoever whom wished won worn
    """.split()  # noqa: SIM905 - a list literal is ten times as long
)
"""Participles, pronouns and similar words: such a name does not say what the thing is."""
TAILS = frozenset(
    """
    above across along and as at behind below beside between beyond but by for from in into of on or over since so than
    that through till to towards under until upon which who whom whose with within without
    """.split()  # noqa: SIM905 - a list literal is ten times as long
)
"""Words that continue a sentence. A docstring that begins with one usually has no subject. The list is coarse: "In an
overload most requests are refused" is a whole sentence. It leaves out what, where, when, if and how, which can begin a
subject."""


def shared(names: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Names that occur in more than one file, from pairs of name and file, with those files."""
    homes = defaultdict(set)
    for name, home in names:
        homes[name].add(home)
    return {name: files for name, files in homes.items() if len(files) > 1}


def class_names(modules: Iterable[Module], *, public: bool = False) -> list[tuple[str, str]]:
    """Each class with its file; only those without a leading underscore if ``public``."""
    pairs = [(node.name, str(module.path)) for module in modules for node in module.classes()]
    return [(name, path) for name, path in pairs if not (public and name.startswith("_"))]


def file_names(modules: Iterable[Module]) -> list[tuple[str, str]]:
    """Each file's name with its path, without those that Python asks for."""
    return [(module.path.stem, str(module.path)) for module in modules if module.path.stem not in SPECIAL]


def docstrings(module: Module) -> Iterator[str]:
    """The docstrings of the module, of its classes and functions, and of what is assigned (a string below it)."""
    for node in ast.walk(module.tree):
        body = getattr(node, "body", None)
        if not isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) or not isinstance(body, list):
            continue
        previous: ast.stmt | None = None
        for statement in body:
            follows = previous is None or isinstance(previous, (ast.Assign, ast.AnnAssign))
            text = _string(statement)
            if follows and text is not None:
                yield text
            previous = statement


def _string(statement: ast.stmt) -> str | None:
    """The text of a statement that is a string and nothing else."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return statement.value.value if isinstance(statement.value.value, str) else None
    return None


def is_tail(docstring: str) -> bool:
    """Whether the docstring begins in the middle of a sentence: with one of TAILS, or a small letter."""
    first = docstring.lstrip("\"'(. ").split(maxsplit=1)[:1]
    return bool(first) and (first[0].strip(",:;").lower() in TAILS or first[0][:1].islower())


def bindings(module: Module) -> Iterator[str]:
    """The names that the module gives, each once for every scope: functions, classes, arguments, variables,
    attributes of ``self``. Leading underscores are left out."""
    for scope in [module.tree, *module.classes(), *module.functions()]:
        yield from {name.lstrip("_") for name in _scope_names(scope)} - {"", "self", "cls"}


def _scope_names(scope: ast.AST) -> Iterator[str]:
    """The names that are bound in the scope itself, not in scopes within it."""
    if isinstance(scope, FUNCTIONS):
        arguments = scope.args
        plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        yield from (argument.arg for argument in plain if argument is not None)
    pending = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
            yield node.name
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs)) and node.name:
            yield node.name
        elif isinstance(node, ast.Lambda):
            yield from (argument.arg for argument in node.args.args)
        pending.extend(ast.iter_child_nodes(node))
