"""The trip of a request's text through the server, to audio and back, as far as annotations show it.

A class carries the text if one of its fields is named as in SEEDS, holds audio (``Samples``), or holds another such
class. Fields are the annotated names in the class's body and the arguments of ``__init__``; the types of a callback
(``Callable[...]``) do not count. This finds the objects that are made for one request, and not the long-lived objects
that they pass. A file handles them if one of its functions takes or returns one.

The measure covers the folders of CORRIDOR on the default way: ``POST /tts`` and the provider coqui. OTHER_WAYS lists
the modules of other calls and other providers. It has old and new names, so that
both versions of the code are measured.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tools.checkout import FUNCTIONS, Module

SEEDS = frozenset({"text", "spoken", "phonemes", "ids", "pcm"})
AUDIO = frozenset({"Samples"})
"""Aliases of arrays."""
CORRIDOR = ("routes", "text", "synthesis", "cache", "providers", "scheduling", "engine", "audio")
FILES = ("observation", "record", "speech", "utterance", "synthesis", "synthesis_record", "synthesizer")
"""Modules that stand in server/ itself."""
OTHER_WAYS = frozenset(
    """
    catalogue console coqui_api events events_stream health hibari kokoro metrics metrics_summary openai openai_api onnx
    openapi packaged recordings registering remote sample samples schemas speech_client traces uploads voice_lists
    voice_registration xtts decoding wav_reader open_jtalk ssml
    """.split()  # noqa: SIM905 - a list literal is ten times as long
)


def on_the_way(modules: Iterable[Module]) -> list[Module]:
    """The modules of the corridor."""
    return [module for module in modules if _is_on_the_way(module.path)]


def _is_on_the_way(path: PurePosixPath) -> bool:
    if path.parts[0] != "server" or path.stem in OTHER_WAYS or str(path) == "server/routes/coqui.py":
        return False
    return path.stem in FILES if len(path.parts) == 2 else path.parts[1] in CORRIDOR


def carriers(modules: Iterable[Module]) -> dict[str, str]:
    """The classes that carry the text or its audio: "module.Class", with the module's path."""
    classes = {f"{module.dotted}.{node.name}": (module, node) for module in modules for node in module.classes()}
    fields = {name: dict(_fields(node, imports(module))) for name, (module, node) in classes.items()}
    carrying = {name for name, types in fields.items() if SEEDS & set(types) or any(_audio(t) for t in types.values())}
    while more := {name for name, types in fields.items() if any(carrying & t for t in types.values())} - carrying:
        carrying |= more
    return {name: str(classes[name][0].path) for name in sorted(carrying)}


def files(modules: Iterable[Module], carrying: Iterable[str]) -> set[str]:
    """The files that define a carrier, or have a function that takes or returns one."""
    names = set(carrying)
    paths = set()
    for module in modules:
        origins = imports(module)
        if any(names & types for function in module.functions() for types in _signature(function, origins)):
            paths.add(str(module.path))
    return paths


def imports(module: Module) -> dict[str, str]:
    """What each name of the module stands for, with dots: its own classes, and what it imports."""
    origins = {node.name: f"{module.dotted}.{node.name}" for node in module.classes()}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            origins |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            origins |= {alias.asname or alias.name: alias.name for alias in node.names}
    return origins


def _fields(node: ast.ClassDef, origins: dict[str, str]) -> Iterator[tuple[str, set[str]]]:
    if any("Protocol" in ast.unparse(base) for base in node.bases):
        return
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id.lstrip("_"), _types(statement.annotation, origins)
        elif isinstance(statement, FUNCTIONS) and statement.name == "__init__":
            for argument in (*statement.args.args, *statement.args.kwonlyargs):
                yield argument.arg, _types(argument.annotation, origins)


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef, origins: dict[str, str]) -> Iterator[set[str]]:
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield _types(argument.annotation, origins)
    yield _types(function.returns, origins)


def _types(annotation: ast.expr | None, origins: dict[str, str]) -> set[str]:
    """The types that an annotation names, as full dotted names where the module imports or defines them."""
    if annotation is None:
        return set()
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return _types(ast.parse(annotation.value, mode="eval").body, origins)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Callable"):
        return set()
    if isinstance(annotation, ast.Name):
        return {origins.get(annotation.id, annotation.id)}
    if isinstance(annotation, ast.Attribute):
        first, _, rest = ast.unparse(annotation).partition(".")
        return {f"{origins.get(first, first)}.{rest}"}
    return {name for child in ast.iter_child_nodes(annotation) for name in _types_of(child, origins)}


def _types_of(node: ast.AST, origins: dict[str, str]) -> set[str]:
    return _types(node, origins) if isinstance(node, ast.expr) else set()


def _audio(types: set[str]) -> bool:
    return any(name.rpartition(".")[2] in AUDIO for name in types)
