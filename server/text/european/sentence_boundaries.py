"""Where German, French, Spanish and Italian sentences end: corrections of sentencex."""

from __future__ import annotations

import re
from collections.abc import Iterable

from server.text.european.german_ordinals import GERMAN_NOUNS

_GERMAN_STARTERS = (
    "Die|Der|Das|Es|Er|Sie|Wir|Ich|Ihr|Man|Und|Aber|Denn|Doch|Dann|Dort|Hier|In|Im|Am|An|Auf|Bei|Für|Mit|Nach|Von|Wenn"
    "|Weil|Da|Auch|Alle|Viele|Diese|Dieser|Dieses|Ein|Eine|Kein|Keine|Jede|Jeder|Nun|So|Wer|Was|Wie|Wo|Warum"
)
_MISSED = {
    "de": re.compile(rf"\b(?:usw|etc|usf)\.\s(?=(?:{_GERMAN_STARTERS})\s)"),
    "fr": re.compile(r"\betc\.\s(?=[«\"]?\s?[A-ZÀ-Þ][a-zà-ÿ’']*)"),
    "es": re.compile(r"\betc\.\s(?=[«\"¿¡]?[A-ZÀ-Þ])"),
    "it": re.compile(r"\b(?:ecc|etc)\.\s(?=[«\"]?[A-ZÀ-Þ])"),
}
"""Matches the end of a sentence, with the space after it."""
_NOUNS = "|".join(GERMAN_NOUNS.values())
_GOES_ON = {
    "de": re.compile(
        rf"(?:(?<![\w.,])\d{{1,3}}\.\s?\n(?:(?:{_NOUNS})\b|und\s|bis\s|[a-zäöü])"
        r"|\b(?:[Dd](?:er|ie|as|em|en|es)|[AaIi]m|[Zz]u[mr]|[Bb]eim|[Vv]om|[Ee]ine?[mnrs]?)\s\d{1,3}\.\s?\n[A-ZÄÖÜ]"
        r"|(?<!\w)(?:geb|gest|inkl|exkl|St|Nr|S|Bd|Abb|Kap|Abs|Art|Tel|ca|bzw|ggf|evtl|vgl|zzgl|abzgl|sog|Prof|Dr|Mio|Mrd|max|min"
        r"|[Ss]tr|Jan|Feb|Apr|Aug|Sept?|Okt|Nov|Dez|Mo|Di|Mi|Do|Fr|Sa|So|z|d|u|v|n|i|o|B|h|a|bspw|h\.\sc|Hr|Ziff|Anm|Aufl)\.\s?\n"
        rf"(?!(?:{_GERMAN_STARTERS})\s)(?=[\w„»(–-])"
        r"|\b[XVI]{1,5}\.\s?\n(?:[a-zäöü]|König|Kaiser|Papst))"
    ),
    "fr": re.compile(
        r"(?:(?<!\w)[A-Z]\.\s?\n-?[A-Z]|(?<!\w)c\.\s?\n-?à|(?<!\w)à\s[sc]\.\s?\n(?:de\b|d|[a-z])|(?<!\w)(?:av|apr|ap)\.\s?\nJ\.|-C\.\s?\n[a-zà-ÿ(]|-C\.\s?\n(?=[A-Z])(?!Il|Elle|Le|La|Les|En|Ce|On|Au)"
        r"|(?<!\w)(?:janv|févr?|avr|juill?|sept|oct|nov|déc|art|chap|vol|fig|pp?|t|al|n|env|max|min|réf|[Tt]él|éd|v|ch)\.\s?\n[\dIVX]"
        r"|(?<!\w)(?:St|Ste|MM?|Mgr|Dr|Pr|Me|bd|av|boul|cf|env|hab|ex|lun|mar|mer|jeu|ven|sam|dim)\.\s?\n\S|(?<!\w)-à-d\.\s?\n)"
    ),
    "es": re.compile(
        r"(?:(?<!\w)(?:[Nn]|\d{1,3})\.\s?\n[ºªe]|(?<!\w)(?:ene|feb|mar|abr|jun|jul|ago|sept?|oct|nov|dic)\.\s?\n\d"
        r"|(?<!\w)(?:D|Dña|Sr|Sra|Srta|Sres|Dra?|Prof|Lic|St[oa]|Gral|Ing|Mons|Excmo|Avda|avda|Av|[Pp]za|cf)\.\s?\n[A-ZÀ-Þ]"
        r"|(?<!\w)(?:págs?|cap|arts?|vol|fig|t|núms?|[Tt]el|tfno|máx|mín|aprox|ed|pp?|ca|km|s)\.\s?\n[\dIVX]"
        r"|(?<!\w)(?:a|d|p|EE|JJ|CC|S)\.\s?\n(?:C\.|ej\.|m\.|UU\.|OO\.|A\.)|\b(?:UU|OO|Uds?|Vds?|hab|aprox)\.\s?\n[a-zà-ÿ(]"
        r"|(?<!\w)[ad]\. ?C\.\s?\n[a-zà-ÿ(]|(?<!\w)(?:[ap]\. ?m|lun|mar|mié|jue|vie|sáb|dom)\.,?\s?\n[\da-zà-ÿ-])"
    ),
    "it": re.compile(
        r"(?:(?<!\w)(?:genn?|febb?r?|mar|apr|magg?|giu|lug|ago|sett?|ott|nov|dic)\.\s?\n\d"
        r"|(?<!\w)(?:pagg?|pp?|n|nn|nr|cap|artt?|vol|fig|tab|[Tt]el|ca|max|min|ed|sec)\.\s?\n[\dIVX]"
        r"|(?<!\w)(?:S|[Ss]ig|[Ss]igg|[Ss]ig\.ra|[Dd]ott|[Dd]ott\.ssa|[Pp]rof|[Pp]rof\.ssa|[Ii]ng|[Aa]vv|[Oo]n|[Mm]ons|Gen|Arch|Geom|cfr|cf)\.\s?\n[A-ZÀ-Þ]"
        r"|(?<!\w)(?:a|d|p|s|S)\.\s?\n(?:C\.|es\.|p\.|r\.)|(?<!\w)[ad]\. ?C\.\s?\n[a-zà-ÿ(]"
        r"|(?<!\w)(?:ca|mln|mld|ab|S\.p\.A|S\.r\.l|lun|mar|mer|gio|ven|sab|dom)\.,?\s?\n[\da-zà-ÿ(-])"
    ),
}
"""Matches the end of a sentence and the beginning of the next, which are one."""


def correct(text: str, ends: Iterable[int], language: str) -> list[int]:
    """Returns where sentences end in ``text``, from where sentencex says so; each end stands after the spaces."""
    if language not in _MISSED:
        return list(ends)
    goes_on = _GOES_ON[language]
    corrected = {end for end in ends if not goes_on.search(f"{text[max(0, end - 14) : end]}\n{text[end : end + 14]}")}
    corrected.update(match.end() for match in _MISSED[language].finditer(text))
    return sorted(corrected)
