"""Addresses: "1428 Elm St.", "708 N 1st St, San City", "Santa Clara, CA 95051", "St. Louis", "P.O. Box 12"."""

from __future__ import annotations

import re

from server.text.english.figures import after, before, ends_sentence, pairs, spelled
from server.text.rules import DIGIT, Rule, rule

STREETS = {
    "St": "Street", "Ave": "Avenue", "Av": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Dr": "Drive", "Ln": "Lane",
    "Ct": "Court", "Pl": "Place", "Sq": "Square", "Hwy": "Highway", "Pkwy": "Parkway", "Expy": "Expressway",
    "Ter": "Terrace", "Cir": "Circle", "Fwy": "Freeway", "Tpke": "Turnpike",
}  # fmt: skip
UNMISTAKABLE = frozenset({"Ave", "Blvd", "Rd", "Hwy", "Pkwy", "Expy", "Fwy", "Tpke"})
"""Abbreviations that stand for nothing else, with or without a dot."""
DIRECTIONS = {"N": "North", "S": "South", "E": "East", "W": "West", "NE": "Northeast", "NW": "Northwest",
              "SE": "Southeast", "SW": "Southwest"}  # fmt: skip
STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "D C", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii",
    "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky",
    "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
    "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip
TRADITIONAL = {
    "Ala": "Alabama", "Ariz": "Arizona", "Ark": "Arkansas", "Calif": "California", "Colo": "Colorado",
    "Conn": "Connecticut", "Del": "Delaware", "Fla": "Florida", "Ga": "Georgia", "Ill": "Illinois", "Ind": "Indiana",
    "Kan": "Kansas", "Ky": "Kentucky", "La": "Louisiana", "Md": "Maryland", "Mass": "Massachusetts",
    "Mich": "Michigan", "Minn": "Minnesota", "Miss": "Mississippi", "Mo": "Missouri", "Mont": "Montana",
    "Neb": "Nebraska", "Nev": "Nevada", "Okla": "Oklahoma", "Ore": "Oregon", "Pa": "Pennsylvania",
    "Tenn": "Tennessee", "Tex": "Texas", "Va": "Virginia", "Vt": "Vermont", "Wash": "Washington", "Wis": "Wisconsin",
    "Wyo": "Wyoming",
}  # fmt: skip
"""Abbreviations of newspapers, after a comma or a hyphen, with a dot."""
WORDS = frozenset({"HI", "ID", "IN", "LA", "ME", "OH", "OK", "OR"})
"""States that are also words in capitals; they need a postal code."""

_ANY = "|".join(sorted(STREETS, key=len, reverse=True))
_KIND = (
    rf"(?:{_ANY}|hwy|st|ave|blvd|rd|Street|Avenue|Boulevard|Road|Drive|Lane|Court|Place|Square|Highway|Parkway|Way"
    r"|Terrace)"
)
_NAME = r"(?:(?:[A-Z][A-Za-z'’]{1,20}|\d{1,3}(?:st|nd|rd|th))\s){1,4}"
_STREET = rf"(?=\s(?:(?:{'|'.join(DIRECTIONS)})\b\.?\s)?{_NAME}{_KIND}\b)"
_HOUSE = re.compile(rf"\b\d{{1,5}}\s(?:[NSEW]\.?\s)?{_NAME}\Z")
_STREET_NAME = re.compile(r"(?:\b[A-Z][A-Za-z'’]{1,20}\.?|\b\d{1,3}(?:st|nd|rd|th))\s\Z")
_STREET_END = re.compile(rf"\b{_KIND}\.?,?\s\Z")
_VERB = re.compile(r"\b(?:Visit|In|At|To|From|See|The|And|Of|By|For|With|On|Near|When|If|But|As)\s\Z")


def _suffix(match: re.Match[str]) -> str | None:
    """Reads "Elm St." as a street, "St. Louis" as a saint, "Dr. Evil" as a doctor (by the rule of titles)."""
    written, dotted = match[1].capitalize(), bool(match[2])
    preceding, following = before(match, 80), after(match, 3)
    named = bool(_STREET_NAME.search(preceding)) and not _VERB.search(preceding)
    house = bool(_HOUSE.search(preceding))
    before_name = bool(re.match(r"\s[A-Z]", following))
    if written == "St" and match[1] == "St" and before_name and not house:
        return "Saint"
    if not named or (match[1].islower() and not house):
        return None
    if not (house or written in UNMISTAKABLE or (not before_name and (dotted or written == "St"))):
        return None
    end = "." if dotted and ends_sentence(match) and (not before_name or written == "St") else ""
    return STREETS[written] + end


def _house(match: re.Match[str]) -> str:
    return pairs(match[0])


def _direction(match: re.Match[str]) -> str:
    return DIRECTIONS[match[1]]


def _quadrant(match: re.Match[str]) -> str | None:
    return DIRECTIONS[match[0]] if _STREET_END.search(before(match, 12)) else None


def _state(match: re.Match[str]) -> str | None:
    if match[1] in WORDS and not re.match(r",?\s\d{5}\b", after(match, 8)):
        return None
    return STATES[match[1]]


def _postal_code(match: re.Match[str]) -> str:
    return ", ".join(spelled(group) for group in match[0].split("-"))


RULES: tuple[Rule, ...] = (
    rule("house_number", rf"(?<![\w.,$€£#:/-])\d{{1,5}}{_STREET}", _house, signs=DIGIT),
    rule("street", rf"(?<=\d\s)({'|'.join(DIRECTIONS)})\b\.?(?=\s{_NAME}{_KIND}\b)", _direction, signs="NSEW"),
    rule(
        "state",
        rf"(?<=[a-z],\s)({'|'.join(STATES)})(?=,?\s\d{{5}}\b|[,.;:)]|\Z|\s(?:and|in|on|is|was)\b)",
        _state,
        signs=",",
    ),
    rule("postal_code", r"(?<=\b[A-Z][A-Z]\s)\d{5}(?:-\d{4})?(?![\w-])", _postal_code, signs=DIGIT),
    rule("postal_code", r"(?<=\b[A-Z][A-Z],\s)\d{5}(?:-\d{4})?(?![\w-])", _postal_code, signs=DIGIT),
    rule("street", rf"\b({_ANY}|hwy|st|ave|blvd|rd)\b(\.)?(?![\w'’-])", _suffix),
    rule(
        "state",
        rf"(?:(?<=[A-Za-z],\s)|(?<=\b[A-Z]-))({'|'.join(TRADITIONAL)})\.(?!\w)",
        lambda match: TRADITIONAL[match[1]] + ("." if ends_sentence(match) else ""),
        signs=",-",
    ),
    rule("street", r"\b(?:NW|NE|SW|SE)\b", _quadrant, signs="NS"),
    rule("street", r"\bP\.?\s?O\.?\sBox\b", "P O Box", signs="B"),
    rule("street", r"\bApt\b\.?(?=\s#?\w)", "Apartment", signs="A"),
    rule("street", r"\bSte\.(?=\s#?\d)", "Suite", signs="S"),
)
