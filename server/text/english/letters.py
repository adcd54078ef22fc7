"""Letters with dots: "U.S.", "Ph.D.", "J. R. R. Tolkien", "e.s.t.", and what a single capital is."""

from __future__ import annotations

import re

from server.text.english.figures import after, before
from server.text.rules import Rule, rule

LETTERED = (
    "vitamins?|plans?|groups?|hepatitis|type|class|grade|section|part|option|point|team|exhibit|appendix|figure|table|row"
    "|room|gate|terminal|block|level|influenza|schedule|letter|variable|category|apartment|suite|unit|building|zone|list"
    "|answer|question|model|series|size|key|blood|route|line|platform|wing|division|version"
)
"""Nouns that are told apart by letters: the letter after one is no initial."""
STARTERS = (
    "The|I|It|He|She|They|We|This|That|These|Those|There|In|On|At|But|And|If|When|While|You|An|As|For|Then|So|My|His|Her"
    "|Our|Their|Its|What|Why|How|Where|Who|After|Before|Since|Because|However|Now|Yes|No|Not|Some|Many|Most|All|Each"
)
"""Words that begin a sentence and are no surname."""
_LETTERED = re.compile(rf"(?:\b(?:{LETTERED})|\A)\s\Z", re.IGNORECASE)
_STARTER = re.compile(rf"\s(?:{STARTERS})\b")


def is_initial(match: re.Match[str]) -> bool:
    """Whether the capital and dot that ``match`` ends with begin a name, as in "J. Smith", not "vitamin C. Doctors"."""
    preceding, following = before(match, 14), after(match, 10)
    return not (_LETTERED.search(preceding) and preceding.strip()) and not _STARTER.match(following)


def _initial(match: re.Match[str]) -> str | None:
    return match[1] if is_initial(match) else None


def _ends(match: re.Match[str]) -> bool:
    """Whether the last dot ends a sentence: a capital alone does not tell, as "U.S. Army" shows."""
    following = after(match, 12)
    return not re.match(r"\W{0,9}\w", following) or bool(_STARTER.match(following))


def _degree(match: re.Match[str]) -> str:
    return " ".join(match[1].upper() + match[2].upper()) + ("." if _ends(match) else "")


def _dotted(match: re.Match[str]) -> str:
    """Reads "U.S."; its last dot stays only at the end of a sentence."""
    letters = match[0].replace(".", " ").strip()
    return f"{letters}." if _ends(match) else letters


RULES: tuple[Rule, ...] = (
    rule(
        "letters",
        r"\b(Ph|M|B|D|Ed|LL|Sc)\.\s?(D|A|S|Sc|B|M|Phil)\.(?!\w)",
        _degree,
        signs=".",
    ),
    rule("letters", r"(?<![\w.])(?:[A-Z]\.){2,6}(?!\w)", _dotted, signs="."),
    rule("letters", r"(?<![\w.])(?:[A-Z]\.){1,5}[A-Z](?![\w.])", lambda match: match[0].replace(".", " "), signs="."),
    rule("initial", r"\b([A-Z])\.(?=\s[A-Z])", _initial, signs="."),
    rule("letters", r"(?<=\b[Tt]he )WHO(?![\w.])|(?<=\()WHO(?=\))", "W H O", signs="W"),
)
