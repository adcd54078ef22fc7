"""Letters with dots: "U.S.", "Ph.D.", "J. R. R. Tolkien", "e.s.t.", the letter A, and the number of an item."""

from __future__ import annotations

import re

from server.text.english.figures import after, before, ends_sentence, spelled
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
ACRONYMS = {
    "RAM": "ram", "ROM": "rom", "PIN": "pin", "SIM": "sim", "LAN": "lan", "NAS": "nass", "SaaS": "sass", "GUI": "gooey",
    "FEMA": "feema", "MoMA": "moma", "HEVC": "H E V C", "EIN": "E I N", "IoT": "I O T", "ffmpeg": "F F M peg",
    "nginx": "engine X",
}  # fmt: skip
"""Acronyms that espeak says in letters and people as a word, or the other way round."""
_LETTERED = re.compile(rf"(?:\b(?:{LETTERED})|\A)\s\Z", re.IGNORECASE)
_AN = re.compile(r"\b[Aa]n\s\Z")
_STARTER = re.compile(rf"\s(?:{STARTERS})\b")


def is_initial(match: re.Match[str]) -> bool:
    """Whether the capital and dot that ``match`` ends with begin a name, as in "J. Smith", not "vitamin C. Doctors"."""
    preceding, following = before(match, 14), after(match, 10)
    return not (_LETTERED.search(preceding) and preceding.strip()) and not _STARTER.match(following)


def _initial(match: re.Match[str]) -> str | None:
    return match[1] if is_initial(match) else None


def _letter_a(match: re.Match[str]) -> str | None:
    """Reads the A of "vitamin A is" and "an A or a B" as the letter; espeak reads it as the article."""
    preceding = before(match, 14)
    return "eigh" if preceding.strip() and (_LETTERED.search(preceding) or _AN.search(preceding)) else None


def _degree(match: re.Match[str]) -> str:
    return spelled((match[1] + match[2]).upper()) + ("." if ends_sentence(match) else "")


def _dotted(match: re.Match[str]) -> str:
    """Reads "U.S."; its last dot stays only at the end of a sentence."""
    return spelled(match[0].replace(".", "")) + ("." if match[0][-1] == "." and ends_sentence(match) else "")


RULES: tuple[Rule, ...] = (
    rule(
        "letters",
        r"\b(Ph|M|B|D|Ed|LL|Sc)\.\s?(D|A|S|Sc|B|M|Phil)\.(?!\w)",
        _degree,
        signs=".",
    ),
    rule("letters", r"(?<![\w.])(?:[A-Z]\.){2,6}(?!\w)", _dotted, signs="."),
    rule(
        "letters",
        r"(?<![\w.])(?:[A-Z]\.){1,5}[A-Z](?![\w.])",
        lambda match: spelled(match[0].replace(".", "")),
        signs=".",
    ),
    rule("initial", r"\b([A-Z])\.(?=\s[A-Z])", _initial, signs="."),
    rule("letters", r"\bA(?=\s[a-z])", _letter_a, signs="A"),
    rule("item", r"\A(\d{1,3})\.(?=\s[A-Z])", r"\1,", signs="."),
    rule("acronym", rf"(?<![\w.@-])(?:{'|'.join(ACRONYMS)})(?![\w@]|\.\w)", lambda match: ACRONYMS[match[0]]),
    rule("letters", r"(?<=\b[Tt]he )WHO(?![\w.])|(?<=\()WHO(?=\))", "W H O", signs="W"),
)
