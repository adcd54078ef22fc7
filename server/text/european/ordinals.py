"""Ordinal numbers: "2e", "1re", "3.ª", "1.er", "5° posto", "im 19. Jahrhundert", "die 3. Klasse"; and centuries."""

from __future__ import annotations

import re

from server.text.european.figures import BEFORE, before, number_rule
from server.text.european.language import Language
from server.text.european.roman import NUMERAL, numeral_value
from server.text.rules import DIGIT, Rule, rule

GERMAN_NOUNS = {
    "r": "Platz|Weltkrieg|Tag|Stock|Teil|Geburtstag|Gang|Akt|Band|Sieg|Rang|Spieltag|Jahrestag|Lauf|Grad|Satz|Bezirk|Rundgang"
         "|Senat|Bundestag|Versuch|Todestag|Hochzeitstag|Zyklus|Absatz",
    "e": "Klasse|Liga|Bundesliga|Etage|Auflage|Runde|Halbzeit|Minute|Woche|Person|Stelle|Sitzung|Stunde|Ausgabe|Staffel"
         "|Folge|Sinfonie|Symphonie|Generation|Reihe|Division|Stufe|Säule|Änderung|Dynastie|Republik",
    "s": "Jahrhundert|Jahrtausend|Jahr|Mal|Kapitel|Quartal|Semester|Obergeschoss|Drittel|Viertel|Lebensjahr|Kind|Buch"
         "|Spiel|Tor|Gebot|Regiment|Bataillon|Bild",
}  # fmt: skip
"""Nouns that are numbered, by the ending of the number before them without an article."""
_ENDINGS = {noun: ending for ending, nouns in GERMAN_NOUNS.items() for noun in nouns.split("|")}
_DEFINITE = re.compile(r"\b(?:die|das|diese|dieses|jede|welche)\s\Z", re.IGNORECASE)
_DER = re.compile(r"(?<!\w)[Dd](?:er|ieser)\s\Z")
_PREPOSITION = re.compile(
    r"\b(?:in|mit|von|aus|nach|zu|bei|seit|auf|an|vor|unter|während|wegen|ende|anfang|mitte|hälfte)\s(?:der|dieser)\s\Z",
    re.IGNORECASE,
)
_INDEFINITE = re.compile(r"\b(?:ein|kein|mein|sein|ihr|unser|dein)\s\Z", re.IGNORECASE)
_DETERMINED = re.compile(
    r"\b(?:am|im|zum|zur|beim|vom|dem|den|des|einem|einen|einer|eines|seinem|seinen|seiner|ihrem|ihren|ihrer|meinem|meinen"
    r"|jedem|jeden|jeder|diesem|diesen|ab|bis|ins|ans|aufs|unserem|unserer|eine|seine|ihre|meine|unsere|deine)\s\Z",
    re.IGNORECASE,
)
_FEMININE = re.compile(r"\b(?:eine|seine|ihre|meine|unsere|deine)\s\Z", re.IGNORECASE)


def german_ending(preceding: str, bare: str) -> str | None:
    """Returns the ending of an ordinal number after the words before it: "e" after "die", "en" after "im".

    ``bare`` is the ending without an article: "r" before "Platz". None where nothing says that it is an ordinal.
    """
    if _FEMININE.search(preceding):
        return "e"
    if _DEFINITE.search(preceding) or (_DER.search(preceding) and not _PREPOSITION.search(preceding)):
        return "e"
    if _DER.search(preceding) or _DETERMINED.search(preceding):
        return "en"
    if bare == "e" and re.search(r"\b(?:in|mit|zu|nach|bei|aus|von)\s\Z", preceding, re.IGNORECASE):
        return "er"
    return {"r": "er", "s": "es", "e": "e"}.get(bare)


def _german(language: Language) -> tuple[Rule, ...]:
    def ordinal(match: re.Match[str]) -> str | None:
        noun = match[2]
        ending = german_ending(before(match, 20), _ENDINGS.get(noun, ""))
        return ending and language.ordinal(int(match[1]), "m")[:-1] + ending

    def pair(match: re.Match[str]) -> str:
        """Reads "im 19. und 20. Jahrhundert" up to its "und"."""
        return language.ordinal(int(match[1]), "m")[:-1] + "en"

    return (
        number_rule("ordinal", r"(\d{1,3})\.(?=\s(?:und|oder|bis)\s\d{1,3}\.\s[A-ZÄÖÜ])", pair, signs="."),
        rule("ordinal", r"(?<=\d\. und )(\d{1,3})\.(?=\s[A-ZÄÖÜ])", pair, signs="."),
        number_rule("ordinal", rf"(\d{{1,3}})\.(?=\s({'|'.join(_ENDINGS)}|[A-ZÄÖÜ][a-zäöüß]+)\b)", ordinal, signs="."),
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
