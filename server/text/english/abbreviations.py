"""Abbreviations, each by what follows: "Dr. Smith", "No. 5", "pp. 10-12", "etc. Customers", "Acme Inc.", "w/o"."""

from __future__ import annotations

import re

from server.text.english.figures import before, ends_sentence
from server.text.rules import Rule, rule

TITLES = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missis", "Ms": "Miz", "Messrs": "Messieurs", "Mme": "Madam",
    "Prof": "Professor", "Gen": "General", "Col": "Colonel", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant",
    "Maj": "Major", "Cpl": "Corporal", "Pvt": "Private", "Adm": "Admiral", "Cmdr": "Commander", "Gov": "Governor",
    "Sen": "Senator", "Rep": "Representative", "Pres": "President", "Rev": "Reverend", "Hon": "Honorable",
    "Supt": "Superintendent", "Msgr": "Monsignor", "Fr": "Father", "Sr": "Sister", "Mt": "Mount", "Ft": "Fort",
    "Amb": "Ambassador", "Atty": "Attorney", "Det": "Detective", "Insp": "Inspector", "Mgr": "Manager",
}  # fmt: skip
"""Titles before a name."""
BEFORE_NUMBERS = {
    "No": "number", "no": "number", "Nos": "numbers", "nos": "numbers", "Vol": "volume", "vol": "volume",
    "vols": "volumes", "pp": "pages", "p": "page", "Pp": "pages", "P": "page", "Fig": "figure", "fig": "figure",
    "Figs": "figures", "figs": "figures", "Ch": "chapter", "ch": "chapter", "Sec": "section", "sec": "section",
    "Eq": "equation", "eq": "equation", "Eqs": "equations", "eqs": "equations", "Art": "article", "art": "article",
    "v": "verse", "vv": "verses",
    "Ext": "extension", "ext": "extension", "Tel": "telephone", "tel": "telephone", "min": "minimum",
    "max": "maximum", "Min": "minimum", "Max": "maximum", "est": "established", "Est": "established",
    "qty": "quantity", "Qty": "quantity", "Rs": "rupees", "Op": "opus", "op": "opus", "ed": "edition", "b": "born",
    "d": "died", "ver": "version", "temp": "temperature", "Temp": "temperature",
    "Div": "division", "div": "division", "Exp": "expires", "exp": "expires",
}  # fmt: skip
"""What is abbreviated before a number; the dot is needed, except behind "No" and "Nos"."""
ANYWHERE = {
    "e.g.": "for example", "E.g.": "For example", "eg.": "for example", "i.e.": "that is", "I.e.": "That is",
    "vs.": "versus", "vs": "versus", "v.": "versus", "approx.": "approximately", "Approx.": "Approximately",
    "et al.": "et al", "cf.": "compare", "viz.": "namely", "aka": "also known as", "w/o": "without", "c/o": "care of",
    "w/": "with",
    "b/c": "because", "incl.": "including", "excl.": "excluding", "Dept.": "Department", "Govt.": "Government",
    "Univ.": "University", "Assn.": "Association", "Bros.": "Brothers", "esp.": "especially", "Asst.": "Assistant",
    "attn.": "attention", "Attn.": "Attention", "Attn:": "Attention:",
    "ref.": "reference", "Ref.": "Reference", "rev.": "revision", "Stn.": "Station", "lg.": "large",
    "precip.": "precipitation", "Tel.:": "Telephone:", "tel.:": "telephone:",
    "Intl.": "International", "Natl.": "National", "401(k)": "four oh one K",
}  # fmt: skip
"""What never ends a sentence."""
ENDING = {
    "etc.": "et cetera", "Etc.": "Et cetera", "&c.": "et cetera", "Inc.": "Incorporated", "Ltd.": "Limited",
    "Corp.": "Corporation", "Co.": "Company", "Jr.": "Junior", "Sr.": "Senior", "Esq.": "Esquire", "hrs.": "hours",
    "yrs.": "years", "dept.": "department", "govt.": "government", "assn.": "association", "misc.": "miscellaneous",
    "avg.": "average", "appt.": "appointment", "asst.": "assistant", "temp.": "temperature", "tsp.": "teaspoons",
    "tbsp.": "tablespoons", "mos.": "months", "pts.": "points", "a.k.a.": "also known as",
}  # fmt: skip
"""What may end a sentence: the dot stays where nothing follows."""
_DENIAL = re.compile(r"(?:\b(?:said|says?|replied|answer(?:ed|s)?|voted?)|\A[^\w]?)\s?\Z")
"""Matches what stands before a "no." that denies: the number after it begins a sentence."""


def _ending(match: re.Match[str]) -> str:
    return ENDING[match[0]] + ("." if ends_sentence(match) else "")


def _before_number(match: re.Match[str]) -> str | None:
    if match[1] == "no" and _DENIAL.search(before(match, 12)):
        return None
    return BEFORE_NUMBERS[match[1]]


def _any(written: dict[str, str]) -> str:
    return "|".join(map(re.escape, sorted(written, key=len, reverse=True)))


RULES: tuple[Rule, ...] = (
    rule(
        "title", rf"\b({'|'.join(TITLES)})\.(?=\s[A-Z]|\s&\s|\sand\s[A-Z])", lambda match: TITLES[match[1]], signs="."
    ),
    rule("title", r"(?<=\b[Yy]our\s)Dr\.(?=\s[a-z])", "doctor", signs="."),
    rule("title", r"\bLt\b\.?(?=\s(?:Col|Gen|Cmdr)\b)", "Lieutenant", signs="L"),
    rule("abbreviation", rf"(?<![\w.])({_any(BEFORE_NUMBERS)})\.(?=\s?[#$€£]?\d)", _before_number, signs="."),
    rule("abbreviation", rf"(?<![\w.])({_any(BEFORE_NUMBERS)})\.(?=\s[IVXL]{{2,6}}\b)", _before_number, signs="."),
    rule("abbreviation", r"(?<![\w.])(No|Nos|pp)(?=\s\d)", _before_number, signs="Np"),
    rule("abbreviation", rf"(?<![\w.])(?:{_any(ENDING)})(?!\w)", _ending, signs="."),
    rule(
        "abbreviation",
        rf"(?<![\w./])(?:{_any(ANYWHERE)})(?=\W|$)(?!/\w)",
        lambda match: ANYWHERE[match[0]],
        signs="./s(a:",
    ),
)
