"""Calls espeak-ng: the target of the sandboxed processes that make phonemes. See server.sandbox.fork_server."""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from server.sandbox.wire import Message
from server.text.sentences import FULL_WIDTH_PAUSES, PAUSES

Clause = tuple[str, str, bool]
"""Phonemes, the mark that ends them, and whether it ends a sentence."""
CLAUSE_MARKS = (",", ":", ";")
ENDS = (*PAUSES, *FULL_WIDTH_PAUSES)
_LANGUAGE_SWITCH = re.compile(r"\([^)]+\)")
"""Matches espeak's mark of a change to another language, such as (en)."""
_bridge: ModuleType | None = None
_voice = ""
"""espeak's current voice: setting it again takes longer than reading a sentence."""


def prepare() -> None:
    """Loads the library and its data in 30 ms, without its package, which would import onnxruntime."""
    global _bridge  # noqa: PLW0603 - espeak keeps its own state in globals
    package = importlib.util.find_spec("piper")
    if package is None or package.origin is None:
        raise ImportError("piper-tts is not installed")
    folder = Path(package.origin).parent
    spec = importlib.util.spec_from_file_location("espeakbridge", next(folder.glob("espeakbridge*.so")))
    _bridge = _load_module(spec)
    _bridge.initialize(str(folder / "espeak-ng-data"))


def handle(request: Message, payload: bytes) -> tuple[Message, bytes]:
    """Answers {"voice", "texts"}, each text in pieces, with {"texts"}: each text's sentences, in decomposed IPA."""
    global _voice  # noqa: PLW0603 - as above
    if _bridge is None:
        raise RuntimeError("espeak is not loaded")
    if request["voice"] != _voice:
        _voice = ""
        try:
            _bridge.set_voice(request["voice"])
        except RuntimeError:
            return {"error": "no_voice"}, b""
        _voice = request["voice"]
    return {"texts": [list(_sentences(_clauses(_bridge, pieces))) for pieces in request["texts"]]}, b""


def _clauses(bridge: ModuleType, pieces: Sequence[str]) -> Iterator[Clause]:
    """Yields the clauses of all pieces. The end of a piece ends a sentence only if the text has a mark there."""
    for number, piece in enumerate(pieces):
        clauses: list[Clause] = bridge.get_phonemes(piece)
        if clauses and number < len(pieces) - 1 and not piece.rstrip().endswith(ENDS):
            phonemes, _, _ = clauses.pop()
            clauses.append((f"{phonemes} ", "", False))
        yield from clauses


def _sentences(clauses: Iterable[Clause]) -> Iterator[str]:
    sentence = ""
    for phonemes, mark, ends_sentence in clauses:
        sentence += _LANGUAGE_SWITCH.sub("", phonemes) + mark
        if mark in CLAUSE_MARKS:
            sentence += " "
        if ends_sentence:
            yield unicodedata.normalize("NFD", sentence)
            sentence = ""
    if sentence:
        yield unicodedata.normalize("NFD", sentence)


def _load_module(spec: ModuleSpec | None) -> Any:
    if spec is None or spec.loader is None:
        raise ImportError("espeakbridge can't be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
