"""Measures: "5 km", "−20 °C", "30–50 °C", "1 h", "120 km/h", "10 km²", "5 mg/l", "5–10 %"."""

from __future__ import annotations

import re
from functools import cache

from server.text.european.language import Language, Noun
from server.text.european.number_forms import DASH, MINUS, NUMBER, after, any_of, before, number_rule
from server.text.european.units import units_of
from server.text.rules import DIGIT, Rule, rule

_UNITS: dict[str, dict[str, Noun]] = {}


def units(language: Language) -> dict[str, Noun]:
    """Returns the language's units, which are made once."""
    if language.code not in _UNITS:
        _UNITS[language.code] = units_of(language)
    return _UNITS[language.code]


def per_pattern(language: Language) -> str:
    """Returns a pattern of what follows a slash: a unit or a noun."""
    return rf"{any_of(units(language))}|[a-zà-ÿA-ZÀ-Ý][a-zà-ÿ]{{2,14}}"


def per(language: Language, written: str) -> str:
    """Returns "pro Stunde" for "h"."""
    return language.per(units(language).get(written) or Noun(written, written, ""))


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of measures, which come before those of ranges and years."""
    table = units(language)
    minus, to = language.signs["-"], language.signs["to"]

    def measure(match: re.Match[str]) -> str | None:
        noun, least, most = table[match["unit"]], match["least"], match["most"]
        if match["unit"] == "ha" and not _ends_phrase(match):
            return None
        number = least.replace(" ", "") if most else language.counted_number(least, noun.gender)
        if most:
            number += f" {to} {language.counted_number(most, noun.gender)}"
        single = (not most and least == "1") or (language.code == "fr" and not most and _below_two(least))
        rate = "".join(f" {per(language, match[name])}" for name in ("per", "per2") if match[name])
        return (f"{minus} " if match["minus"] else "") + f"{number} {noun.one if single else noun.many}{rate}"

    def percent(match: re.Match[str]) -> str:
        sign = match["percent"] or ""
        return f"{match['least']}{sign and ' ' + sign} {to} {match['most']} {match['last']}"

    unit, rated = any_of(table), per_pattern(language)
    return (
        number_rule(
            "measure",
            rf"{MINUS}(?P<least>{NUMBER})(?:\s?(?:{unit})?{DASH}(?P<most>{NUMBER}))?(?:\s|-(?=\w))?(?P<unit>{unit})"
            rf"(?:/(?P<per>{rated})(?!\w)(?:/(?P<per2>{rated})(?!\w))?)?(?![\w²³°'’]|/\d|-\d)(?:\.(?=\s[a-zß-ÿ(]|[),;:]))?",
            measure,
            signs=DIGIT,
        ),
        number_rule(
            "percent_range",
            rf"(?P<least>{NUMBER})\s?(?P<percent>[%‰])?{DASH}(?P<most>{NUMBER})\s?(?P<last>[%‰])(?!\w)",
            percent,
            signs="%‰",
        ),
        rule(
            "unit",
            r"(?<=[\s(])(?:km/h|m/s|kWh|°C|km²|m²|m³)(?![\w/])",
            lambda match: _alone(language, match[0]),
            signs="/°²³W",
        ),
    )


def _alone(language: Language, written: str) -> str:
    """Returns a unit without a number: "km/h"."""
    head, _, tail = written.partition("/")
    return units(language)[head].many + (f" {per(language, tail)}" if tail else "")


@cache
def _below_two(written: str) -> bool:
    """Whether French takes the singular: 1,5."""
    return bool(re.fullmatch(r"[01](?:,\d+)?", written))


def _ends_phrase(match: re.Match[str]) -> bool:
    """Whether "ha" is a hectare: in Spanish and Italian it is also "has"."""
    named = re.match(r"\s(?:di|de|a|e|y|et|von|an)\b|[.,;:)]|\s?\Z", after(match, 5))
    return bool(named) and not re.search(r"\b(?:il|nel|el|en|dal)\s\Z", before(match, 6))
