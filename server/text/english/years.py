"""Years and decades: "in 1984", "1998–2004", "2019/20", "44 BC", "the 1980s", "mid-'90s", "100s of", "c. 1850"."""

from __future__ import annotations

import re

from server.text.english.dates import MONTHS, spoken_year
from server.text.english.figures import AFTER, DASH, before, counts_things, number_rule, plural, spelled
from server.text.numerals import cardinal, year
from server.text.rules import DIGIT, Rule, rule

_OF_TIME = re.compile(
    r"\b(?:in|since|until|till|circa|year|during|early|late|mid|before|after|by|spring|summer|fall|autumn|winter"
    r"|January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?),?[ -]\Z",
    re.IGNORECASE,
)
_OF_EVENTS = re.compile(r"\b(?:the|this|that|his|her|its|their|our|of) \Z", re.IGNORECASE)
_YEAR = r"1[1-9]\d\d|20\d\d"


def _year(match: re.Match[str]) -> str | None:
    """Reads a year; "1500 people" is a quantity, unless "in 1984" or "the 1996" says otherwise."""
    number = int(match[0])
    if counts_things(match) and not _OF_TIME.search(before(match, 12)):
        modern = 1900 <= number <= 2099
        return year(number) if modern and _OF_EVENTS.search(before(match, 6)) else None
    return year(number)


def _early_year(match: re.Match[str]) -> str | None:
    return year(int(match[1])) if not counts_things(match) else None


def _year_range(match: re.Match[str]) -> str | None:
    """Reads "1998-2004", "1998–99", "2019/20", and "2024-03" as a month."""
    first, last = match[1], match[3]
    if len(last) == 2 and int(last) <= int(first[2:]):
        return f"{MONTHS[int(last) - 1]} {year(int(first))}" if "-" in match[0] and 1 <= int(last) <= 12 else None
    joint = " " if match[2] == "/" else " to "
    return f"{year(int(match[1]))}{joint}{spoken_year(match[3])}"


def _decade(digits: str) -> str:
    number = int(digits)
    return plural(year(number) if len(digits) == 4 else cardinal(number))


def _decades(match: re.Match[str]) -> str:
    """Reads "1980s" and "1960s-80s"."""
    return _decade(match[1]) + (f" to {_decade(match[2])}" if match[2] else "")


def _powers(match: re.Match[str]) -> str:
    words = {3: "hundreds", 4: "thousands", 5: "tens of thousands", 6: "hundreds of thousands"}
    return words[len(match[1].replace(",", ""))]


def _counted(match: re.Match[str]) -> str:
    """Reads "747s" and "76ers"."""
    return plural(cardinal(int(match[1])))


def _short_year(match: re.Match[str]) -> str:
    return spoken_year(match[1]) + (f" to {spoken_year(match[2])}" if match[2] else "")


def _era(match: re.Match[str]) -> str:
    number = year(int(match[1])) if len(match[1]) in {3, 4} and match[1][-2:] != "00" else match[1]
    return f"{number} {spelled(match[2].replace('.', ''))}"


DECADES: tuple[Rule, ...] = (
    number_rule("quantity", r"(100|1,?000|10,?000|100,?000)s(?=\sof\b)", _powers, signs="s"),
    rule(
        "decade",
        rf"(?<![\w.,$€£])(?<!\d-)(1\d\d0|20\d0)['’]?\s?s\b(?:{DASH}['’]?((?:\d\d)?\d0)['’]?s\b)?",
        _decades,
        signs="s",
    ),
    rule("decade", rf"(?<!\w)(?<!\d-)['’]?(\d0)['’]?s\b(?:{DASH}['’]?(\d0)['’]?s\b)?", _decades, signs="s"),
)
RULES: tuple[Rule, ...] = (
    number_rule("era", r"(\d{1,4})\s?(BCE?|CE|AD|B\.C\.(?:E\.)?|A\.D\b\.?)(?!\w)", _era, signs="BCA"),
    rule("era", r"\b(?:AD|A\.D\.)\s(?=\d{1,4}\b)", "A.D ", signs="A"),
    rule("era", r"(?<![\w.])(?:c|ca|circa)\.?\s?(?=1\d{3}\b)", "circa ", signs="c"),
    number_rule(
        "year_range", rf"({_YEAR})(?:{DASH}|(/))({_YEAR}|\d\d){AFTER}", _year_range, signs="-\u2013\u2014\u2212/"
    ),
    rule(
        "year",
        rf"(?<![\w.$€£¥₩₹\u2212/#])(?<!\d[,-])(?<!\s-)(?<!\A-)(?:1[1-9]\d\d|20[1-9]\d){AFTER}",
        _year,
        signs=DIGIT,
    ),
    rule("year", rf"(?<=\b[iI]n )(10\d\d){AFTER}", _early_year, signs=DIGIT),
    rule("year", rf"(?<![\w.])['’](\d\d)(?:(?:{DASH}|/)['’]?(\d\d))?(?![\w'’\"])", _short_year, signs="'’"),
    number_rule("quantity", r"(\d{3})s\b", _counted, signs="s"),
)
