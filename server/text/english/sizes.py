"""Sizes and positions: 6'2", 12", 8½" x 11", "25 x 7 m", "1920×1080", 10' x 12', 40°26′46″N."""

from __future__ import annotations

import re

from server.text.english.figures import DASH, MIXED, NUMBER, before, is_attribute, number_rule
from server.text.english.fractions import mixed
from server.text.english.measures import UNIT, UNITS
from server.text.rules import DIGIT, Rule, rule

MARKS = {'"': ("inch", "inches"), "'": ("foot", "feet")}
AMOUNTS = frozenset({"g", "kg", "mg", "ml", "mL", "cl", "l", "L", "oz", "fl oz", "lb", "lbs"})
"""Units that are counted in packs, "6 x 330 ml", not sides."""
COMPASS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_FEET, _INCHES = "['′’]", '["″”]'
_QUOTATION = re.compile(r"(?<![\d½¼¾])\"")
_OWNER = re.compile(r"(?:['’]s|\b(?:his|her|my|your|their|our))\s\Z")
_BY = re.compile(r"\s?[x×]\s?")


def _feet(match: re.Match[str]) -> str:
    """Reads 6'2" and "6 ft 2 in"; "a 6'2" man" is 6 foot 2."""
    feet, inches = match[1], match[2]
    if is_attribute(match) or _OWNER.search(before(match, 7)):
        return f"{feet} foot {inches}"
    return f"{feet} {_plural('foot', 'feet', feet)} {inches} {_plural('inch', 'inches', inches)}"


def _plural(one: str, many: str, count: str) -> str:
    return one if count == "1" else many


def _inches(match: re.Match[str]) -> str | None:
    """Reads 12", unless the sign closes a quotation."""
    preceding = before(match, 100)
    if len(_QUOTATION.findall(preceding)) % 2 or preceding.rfind("“") > preceding.rfind("”"):
        return None
    last = f" to {match[2]}" if match[2] else ""
    single = (match[1] == "1" and not last) or is_attribute(match)
    return f"{mixed(match[1])}{last} {'inch' if single else 'inches'}"


def _sheet(match: re.Match[str]) -> str:
    """Reads 8½" x 11" and 10' x 12'."""
    return f"{mixed(match[1])} by {mixed(match[2])} {'inches' if re.match(_INCHES, match[3]) else 'feet'}"


def _between(match: re.Match[str]) -> str | None:
    """Reads "3 ft x 4 ft"."""
    return "by" if re.search(r"\d\s?[a-z]{1,3}\s\Z", before(match, 10)) else None


def _size(match: re.Match[str]) -> str | None:
    """Reads "25 x 7 m" and "1920×1080"; "5 × 3" is a product."""
    sides = _BY.split(match["sides"])
    if match["inch"]:
        return f"{' by '.join(sides)} inch"
    if not match["unit"]:
        return " by ".join(sides) if "×" not in match["sides"] or min(map(len, sides)) > 2 else None
    one, many = UNITS[match["unit"]]
    joint = " times " if match["unit"] in AMOUNTS else " by "
    return f"{joint.join(sides)} {one if is_attribute(match) else many}"


def _wind(match: re.Match[str]) -> str:
    """Reads "winds NW" and "wind from the SSE"."""
    first, *others = (COMPASS[letter] for letter in match[0])
    return " ".join((first, "".join(others))) if len(others) == 2 else first + "".join(others)


def _position(match: re.Match[str]) -> str:
    """Reads a latitude or longitude."""
    degrees, minutes, seconds, direction = match.groups()
    words = (
        f"{degrees} degrees",
        f"{minutes} minutes",
        f"{seconds} seconds" if seconds else "",
        COMPASS.get(direction),
    )
    return " ".join(filter(None, words))


RULES: tuple[Rule, ...] = (
    number_rule(
        "position",
        rf"(\d{{1,3}})°\s?(\d{{1,2}}){_FEET}\s?(?:(\d{{1,2}}(?:\.\d{{1,3}})?){_INCHES}\s?)?([NSEW]\b)?",
        _position,
        signs="°",
    ),
    number_rule(
        "size",
        rf"(\d{{1,4}})\s?(?:ft\.?\s|{_FEET}\s?)(\d{{1,2}}(?:\.\d)?)\s?(?:in\b\.?|{_INCHES})",
        _feet,
        signs=DIGIT,
    ),
    number_rule(
        "size",
        rf"({MIXED}|\d{{1,3}})(?:{_FEET}|{_INCHES})\s?[x×]\s?({MIXED}|\d{{1,3}})({_FEET}|{_INCHES})(?!\w)",
        _sheet,
        signs="x×",
    ),
    number_rule(
        "size",
        rf"({MIXED}|\d{{1,3}}(?:\.\d{{1,2}})?)(?:{DASH}(\d{{1,3}}))?{_INCHES}(?!\w)",
        _inches,
        signs='"″”',
    ),
    number_rule("size", rf"([3-8]){_FEET}(\d|1[01])(?!\w|['’\"])", r"\1 feet \2", signs="'′’"),
    rule("direction", r"(?<=[Ww]ind\s)[NSEW]{1,3}\b|(?<=[Ww]inds\s)[NSEW]{1,3}\b", _wind, signs="NSEW"),
    rule("size", r"(?<=[a-z]\s)x(?=\s\d)", _between, signs="x"),
    number_rule(
        "size",
        rf"(?!0x)(?P<sides>{NUMBER}(?:\s?[x×]\s?(?:{NUMBER})){{1,2}})(?:[\s-]?(?P<unit>{UNIT})|(?P<inch>-in\b\.?))?"
        r"(?![\w²³]|\.\d)",
        _size,
        signs="x×",
    ),
)
