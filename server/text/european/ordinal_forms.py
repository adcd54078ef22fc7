"""Ordinal numbers: "2e", "1re", "3.ª", "1.er", "5° posto", "im 19. Jahrhundert", "die 3. Klasse"; and centuries."""

from __future__ import annotations

import re

from server.text.european.german_ordinals import ENDINGS, german_ending
from server.text.european.language import Language
from server.text.european.number_forms import before, number_rule
from server.text.european.roman_forms import NUMERAL, numeral_value
from server.text.rules import Rule, rule


def _german(language: Language) -> tuple[Rule, ...]:
    def ordinal(match: re.Match[str]) -> str | None:
        noun = match[2]
        ending = german_ending(before(match, 20), ENDINGS.get(noun, ""))
        return ending and language.ordinal(int(match[1]), "m")[:-1] + ending

    def pair(match: re.Match[str]) -> str:
        """Reads "im 19. und 20. Jahrhundert" up to its "und"."""
        return language.ordinal(int(match[1]), "m")[:-1] + "en"

    return (
        number_rule("ordinal", r"(\d{1,3})\.(?=\s(?:und|oder|bis)\s\d{1,3}\.\s[A-ZÄÖÜ])", pair, signs="."),
        rule("ordinal", r"(?<=\d\. und )(\d{1,3})\.(?=\s[A-ZÄÖÜ])", pair, signs="."),
        number_rule("ordinal", rf"(\d{{1,3}})\.(?=\s({'|'.join(ENDINGS)}|[A-ZÄÖÜ][a-zäöüß]+)\b)", ordinal, signs="."),
    )


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of ordinal numbers, which come after those of dates."""
    if language.code == "de":
        return _german(language)

    def marked(match: re.Match[str]) -> str:
        words = language.ordinal(int(match[1]), language.ordinals[match[2].lower().lstrip(".")])
        return f"{words}s" if match[0].endswith("s") else words

    def century(match: re.Match[str]) -> str:
        words = language.ordinal(numeral_value(match[1]), language.ordinals[match[2]])
        return f"{words} siècle" if match[3] else words

    written = sorted(set(language.ordinals) - {"°"}, key=len, reverse=True)
    found = [
        number_rule("ordinal", rf"(\d{{1,3}})(\.?(?:{'|'.join(written)}))(?![\w])", marked),
    ]
    if language.code == "fr":
        found.append(
            rule("century", rf"(?<![\w.])({NUMERAL})(er|re|ère|e|ème)(\ss\.)?(?![\w'\u2019-])", century, signs="IVX")
        )
    if language.code in {"it", "es"}:
        found.append(
            number_rule(
                "ordinal",
                r"(\d{1,3})(°)(?=\s(?!di\b|de\b|in\b|sopra\b|sotto\b|con\b|al\b|bajo\b|sobre\b|en\b)[a-zà-ÿ]{3})",
                marked,
                signs="°",
            )
        )
    return tuple(found)
