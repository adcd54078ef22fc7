"""Where English sentences end: corrections of sentencex, which does not look at what follows an abbreviation."""

from __future__ import annotations

import re
from collections.abc import Iterable

from server.text.english.letters import LETTERED, STARTERS

_CAPITAL = r"(?=[\"'“‘(]?[A-Z])"
_MISSED = re.compile(
    rf"\betc\.[\"'”’)]?\s{_CAPITAL}"
    rf"|\b(?i:{LETTERED})\s[A-Z]\.\s{_CAPITAL}(?![A-Z]\.)"
    rf"|\b[a-z]{{2,12}}\s[A-Z]\.\s(?=(?:{STARTERS})\s)"
    rf"|\b(?:Inc|Ltd|Corp|Co|[ap]\.m)\.\s(?![A-Z][a-z]{{2,7}}days\b)(?=[A-Z][a-z]{{2,15}}s\s[a-z])"
    rf"|(?<=\d)\s?(?:m|g|h|s|L|V|W|A|K|C|F)\.\s{_CAPITAL}"
)
"""Matches the end of a sentence, with the space after it: "etc. Customers", "vitamin C. Doctors", "8,849 m. Wow"."""
_BEFORE_NUMBERS = (
    "vol|vols|div|exp|ch|chap|max|min|est|tel|ext|fig|figs|no|nos|pp|p|apt|ste|sec|eq|art|ver|op|qty|approx|avg|ca|c|rs|mt|eqs?"
    "|gen|ex|lev|num|deut|josh|ps|prov|isa|jer|matt|cor|gal|eph|phil|thess|tim|heb|pet|rev|rom"
)
_BEFORE_NAMES = "mon|tues?|wed|thu|thurs?|fri|sat|sun|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
_BEFORE_WORDS = (
    "lbs?|oz|ft|in|yds?|mi|gal|qt|pt|tsps?|tbsps?|hrs?|mins?|secs?|yrs?|mos?|wks?|sq|cu|max|min|avg|est|dept|govt|univ|lg|sm|med|pts?|temp|stn"
    "|assn|bros|incl|excl|misc|esp|inc|ltd|corp|co|jr|sr|tues?|thurs?|ave|blvd|rd|st|vs|etc|al|approx"
)
_GOES_ON = re.compile(
    rf"(?:\A\d{{1,3}}\.\s\n(?-i:[A-Z])|\w\.\n[:;,]|\b(?:{_BEFORE_NUMBERS})\.\s?\n(?:#?\d|(?-i:[IVX]{{1,5}}\b))"
    rf"|\b(?:{_BEFORE_NAMES})\.,?\s?\n(?:\d|[-\u2013]|(?-i:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|at\b|and\b|to\b|&|(?-i:[a-z]))"
    rf"|\b(?:{_BEFORE_WORDS})\.\s?\n(?-i:[a-z(])"
    rf"|\b(?-i:Amb|Atty|Det|Insp|Supt|Cmdr|Msgr|Mgr)\.\s?\n(?-i:[A-Z])"
    rf"|\b[ap]\.m\.\s?\n(?-i:[ECMP][SD]?T\b|GMT|UTC|BST|CES?T|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
    rf"|Eastern|Pacific|Central|Mountain|[a-z]))",
    re.IGNORECASE,
)
"""Matches the end of a sentence and the beginning of the next, which are one: "vol.|3", "5 p.m.|EST", "10 lbs.|of",
"Tel.|:"; and the number of an item at the beginning of the text, "1.|Open the door"."""


def correct(text: str, ends: Iterable[int]) -> list[int]:
    """Returns where sentences end in ``text``, from where sentencex says so; each end stands after the spaces."""
    corrected = {end for end in ends if not _GOES_ON.search(f"{text[max(0, end - 12) : end]}\n{text[end : end + 12]}")}
    corrected.update(match.end() for match in _MISSED.finditer(text))
    return sorted(corrected)
