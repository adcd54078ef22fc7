"""Pieces of a text between the elements of a document, and how they join to the text of a passage."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from server.text.normalize import compose
from server.utterance import LanguageRun, Verbalization


class TextRun(NamedTuple):
    """A piece of text without elements in it."""

    written: str
    spoken: str | None = None
    """How it is spoken if the markup says so."""
    ipa: str = ""
    """Its phonemes if the markup gives them."""
    language: str = ""
    """Its language, if it is not the document's."""


def joined(runs: Sequence[TextRun]) -> tuple[str, tuple[Verbalization, ...], tuple[LanguageRun, ...]]:
    """Returns the text in composed form with single spaces, its verbalizations, and its parts in other languages."""
    text = ""
    verbalizations = []
    languages: list[LanguageRun] = []
    for written, spoken, phonemes, language in runs:
        clean = re.sub(r"\s+", " ", compose(written))
        if not text or text.endswith(" "):
            clean = clean.lstrip()
        start = len(text) + len(clean) - len(clean.lstrip())
        text += clean
        if spoken is not None and (stop := len(text.rstrip())) > start:
            in_letters = " ".join(compose(spoken).split())
            verbalizations.append(Verbalization(start, stop, in_letters, phonemes, needs_ipa=bool(phonemes)))
        if language and (stop := len(text.rstrip())) > start:
            if languages and languages[-1].language == language and not text[languages[-1].stop : start].strip():
                start = languages.pop().start
            languages.append(LanguageRun(start, stop, language, needed=True))
    return text.rstrip(), tuple(verbalizations), tuple(languages)
