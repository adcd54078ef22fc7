"""Abbreviations, each by what follows: "Dr. Müller", "S. 5", "z. B.", "usw. Die", "av. J.-C.", "EE. UU."."""

from __future__ import annotations

import re
from collections.abc import Mapping

from server.text.european.language import Language
from server.text.european.number_forms import any_of, ends_sentence, spaced
from server.text.rules import Rule, rule

_NAME = r"(?=\s(?:[A-ZÄÖÜÀ-Þ]|h\.\s?c\.|[ei]\s[A-Z]))"


def _capitalised(written: Mapping[str, str]) -> dict[str, str]:
    """Returns abbreviations with a dot as they begin a sentence too."""
    capitals = {
        each[0].upper() + each[1:]: spoken[0].upper() + spoken[1:]
        for each, spoken in written.items()
        if each[-1] == "."
    }
    return capitals | dict(written)


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of abbreviations and of letters."""

    numbered, free = _capitalised(language.before_numbers), _capitalised(language.anywhere)

    def ending(match: re.Match[str]) -> str:
        return language.ending[match[0]] + ("." if ends_sentence(match) else "")

    def anywhere(match: re.Match[str]) -> str:
        return free[match[0]] + ("." if match[0][-1] == "." and ends_sentence(match) else "")

    def dotted(match: re.Match[str]) -> str:
        return spaced(match[0].replace(".", "").replace(" ", "")) + (
            "." if match[0][-1] == "." and ends_sentence(match) else ""
        )

    titles = {title if "." in title else f"{title}.": spoken for title, spoken in language.titles.items()}
    without_dot = frozenset(word for word in language.titles if word in {"Mme", "Mmes", "Mlle", "Mlles", "Dr", "Me"})
    own = [
        rule("title", rf"(?<![\w.])({any_of(titles)}){_NAME}", lambda match: titles[match[1]], signs="."),
        rule(
            "abbreviation",
            rf"(?<![\w.])(?:{any_of(numbered)})(?=\s?\d|\s[IVXLC]{{1,6}}\b)",
            lambda match: numbered[match[0]] + " ",
            signs=".º°o",
        ),
        rule("abbreviation", rf"(?<![\w.])(?:{any_of(free)})(?!\w)", anywhere, signs="./&"),
        rule("abbreviation", rf"(?<![\w.])(?:{any_of(language.ending)})(?!\w)", ending, signs="."),
        rule("letters", r"(?<![\w.-])(?:[A-Z]\.){2,6}(?!\w)", dotted, signs="."),
        rule("initial", r"(?<![\w.-])([A-Z])\.-([A-Z])\.(?=\s[A-ZÄÖÜÀ-Þ])", r"\1 \2", signs="."),
        rule("initial", r"(?<![\w.-])([A-Z])\.(?=(?:\s[A-Z]\.){0,3}\s[A-ZÄÖÜÀ-Þ][a-zß-ÿ])", r"\1", signs="."),
        rule("letters", rf"(?<![\w.-])(?:{any_of(language.letters)})(?![\w.]\w|\w)", lambda match: spaced(match[0])),
    ]
    if without_dot and language.code == "fr":
        own.insert(
            0,
            rule(
                "title",
                rf"(?<![\w.])({any_of(without_dot)}){_NAME}",
                lambda match: language.titles[match[1]],
                signs="MD",
            ),
        )
    if language.code == "de":
        own.append(rule("street", r"(?<=[a-zäöüß])(s)tr\.(?=\s\d|,|\s[a-z]|\s?\Z)", r"\1traße", signs="."))
        own.append(rule("street", r"(?<![\w.])Str\.(?=\s\d|,|\s[a-z]|\s?\Z)", "Straße", signs="."))
    return tuple(own)
