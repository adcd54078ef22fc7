"""The languages in which a voice can speak parts of a text."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from server.utterance import Voice

WITH_RULES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru")
"""The languages whose written forms have rules (server.text.english, server.text.european): those that are detected for
a voice that speaks by espeak-ng's phonemes."""
_DECLARED = re.compile(r"^language\s+([a-z]{2,3})\b", re.MULTILINE)


def detectable(voice: Voice) -> tuple[str, ...]:
    """Returns the languages (BCP 47) that are detected for a voice, its own first."""
    return voice.languages if _is_multilingual(voice) else beside(voice.languages[0])


def beside(language: str) -> tuple[str, ...]:
    """Returns a language and the others that have rules."""
    return (language, *(each for each in WITH_RULES if each != primary(language)))


def spoken(code: str, voice: Voice) -> str | None:
    """Returns the code by which a voice speaks a language (BCP 47, in lower case); None if it can't.

    A multilingual model speaks its own languages, any other one those of espeak-ng.
    """
    return matching(code, voice.languages) if _is_multilingual(voice) else espeak_code(code)


def espeak_code(code: str) -> str | None:
    """Returns the primary subtag of a language, if it is one of espeak-ng's."""
    return primary(code) if primary(code) in espeak_languages() else None


def matching(code: str, languages: Sequence[str]) -> str | None:
    """Returns the language that a code means: the same, or the first with the same primary subtag; None if there is
    none."""
    if code in languages:
        return code
    return next((language for language in languages if primary(language) == primary(code)), None)


def primary(language: str) -> str:
    """Returns the primary subtag of a language."""
    return language.partition("-")[0]


@cache
def espeak_languages() -> frozenset[str]:
    """Returns the primary subtags of espeak-ng's languages, from its data, in 10 ms; no native code is loaded."""
    package = importlib.util.find_spec("piper")
    if package is None or package.origin is None:
        return frozenset()
    files = (Path(package.origin).parent / "espeak-ng-data" / "lang").rglob("*")
    return frozenset(
        language
        for file in files
        if file.is_file()
        for language in _DECLARED.findall(file.read_text(encoding="utf-8", errors="replace"))
    )


def _is_multilingual(voice: Voice) -> bool:
    return len({primary(language) for language in voice.languages}) > 1
