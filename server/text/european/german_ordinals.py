"""The endings of German ordinal numbers: "die dritte Klasse", "im dritten Jahr", "dritter Platz"."""

from __future__ import annotations

import re

GERMAN_NOUNS = {
    "r": "Platz|Weltkrieg|Tag|Stock|Teil|Geburtstag|Gang|Akt|Band|Sieg|Rang|Spieltag|Jahrestag|Lauf|Grad|Satz|Bezirk"
         "|Rundgang|Senat|Bundestag|Versuch|Todestag|Hochzeitstag|Zyklus|Absatz",
    "e": "Klasse|Liga|Bundesliga|Etage|Auflage|Runde|Halbzeit|Minute|Woche|Person|Stelle|Sitzung|Stunde|Ausgabe|Staffel"
         "|Folge|Sinfonie|Symphonie|Generation|Reihe|Division|Stufe|Säule|Änderung|Dynastie|Republik",
    "s": "Jahrhundert|Jahrtausend|Jahr|Mal|Kapitel|Quartal|Semester|Obergeschoss|Drittel|Viertel|Lebensjahr|Kind|Buch"
         "|Spiel|Tor|Gebot|Regiment|Bataillon|Bild",
}  # fmt: skip
"""Nouns that are numbered, by the ending of the number before them without an article."""
ENDINGS = {noun: ending for ending, nouns in GERMAN_NOUNS.items() for noun in nouns.split("|")}
_DEFINITE = re.compile(r"\b(?:die|das|diese|dieses|jede|welche)\s\Z", re.IGNORECASE)
_DER = re.compile(r"(?<!\w)[Dd](?:er|ieser)\s\Z")
_PREPOSITION = re.compile(
    r"\b(?:in|mit|von|aus|nach|zu|bei|seit|auf|an|vor|unter|während|wegen|ende|anfang|mitte|hälfte)\s(?:der|dieser)\s\Z",
    re.IGNORECASE,
)
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
