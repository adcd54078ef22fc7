"""Money: "3,50 €", "-5 €", "10–20 €", "5 Mio. €", "$5", "US$ 20", "3,99 €/kg", "3,– €", "3€50", "CHF 50"."""

from __future__ import annotations

import re

from server.text.european.language import Language, Noun
from server.text.european.measure_forms import per, per_pattern
from server.text.european.number_forms import DASH, MINUS, NUMBER, any_of, number_rule, plain, value
from server.text.rules import DIGIT, Rule, rule

SIGNS = "$€£¥"
_AMOUNT = (
    rf"\d{{1,3}}(?:,\d{{3}}){{1,4}}\.\d{{2}}(?!\d)|\d{{1,3}}(?:['’]\d{{3}}){{1,4}}(?:\.\d{{2}})?(?!\d)"
    rf"|\d{{1,9}},[-\u2013\u2014]{{1,2}}|{NUMBER}"
)
"""Matches an amount in any country's notation: 1.234,50, 1,234.50, 1'234.50, 3,–."""
_START = rf"(?<![\w.,/{SIGNS}\u2212-])"
_END = r"(?![\w%]|[.,]\d)"


class Money:
    """How a language says amounts."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def total(self, written: str, sign: str, scale: str | None) -> str:
        """Returns "drei Euro und fünfzig Cent" or "2,5 Millionen Euro"."""
        language, currency = self.language, self.language.currencies[sign]
        written = re.sub(r",[-\u2013\u2014]{1,2}\Z", "", written)
        if scale:
            return f"{self.scaled(written, scale)} {self.noun(currency.unit, scale)}"
        whole, _, fraction = plain(written).partition(".")
        if len(fraction) > 2:
            return f"{written.replace(' ', '')} {currency.unit.many}"
        units, hundredths = int(whole), int(f"{fraction:0<2}")
        if not hundredths:
            return self.count(units, currency.unit)
        cents = self.count(hundredths, currency.cent)
        return f"{self.count(units, currency.unit)} {language.cents} {cents}" if units else cents

    def count(self, number: int, noun: Noun) -> str:
        """Returns "un euro", "deux euros" or "un million d'euros"."""
        words = self.language.words(number, noun.gender)
        if number == 1:
            return f"{words} {noun.one}"
        linked = number and number % 1_000_000 == 0
        return f"{words} {self.language.of(noun.many) if linked else noun.many}"

    def scaled(self, written: str, scale: str) -> str:
        """Returns "une million" or "2,5 millions"."""
        noun = self.language.scales[scale].noun
        number = self.language.counted_number(written, noun.gender) if noun.gender else written.replace(" ", "")
        single = written == "1" or (self.language.code == "fr" and value(written) < 2)
        return f"{number} {noun.one if single else noun.many}"

    def noun(self, unit: Noun, scale: str) -> str:
        """Returns the currency after a scale: "d'euros"."""
        return self.language.of(unit.many) if self.language.scales[scale].linked else unit.many


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of money, which come before those of measures and ranges."""
    money = Money(language)
    code = any_of(sign for sign in language.currencies if sign not in SIGNS)
    sign = rf"(?P<sign>[{SIGNS}]|(?:{code})(?!\w))"
    scale = rf"(?:\s?(?P<scale>{any_of(language.scales)})(?!\w)(?:\s?d[’']|\sd[ei]\s)?)?"
    rate = rf"(?:\s?/\s?(?P<per>{per_pattern(language)})(?!\w))?"

    def price(match: re.Match[str]) -> str | None:
        groups = match.groupdict()
        minus = f"{language.signs['-']} " if groups.get("minus") or groups.get("inner") else ""
        rated = f" {per(language, match['per'])}" if groups.get("per") else ""
        least, most, name = match["least"], groups.get("most"), match["sign"]
        if most is None:
            return minus + money.total(least, name, groups["scale"]) + rated
        to = f" {language.signs['to']} "
        first = re.sub(r",[-\u2013\u2014]{1,2}\Z", "", least).replace(" ", "")
        if not groups["scale"]:
            if "," in least and "," in most and value(least) % 1:
                return minus + money.total(least, name, None) + to + money.total(most, name, None) + rated
            return f"{minus}{first}{to}{money_number(most)} {language.currencies[name].unit.many}{rated}"
        noun = money.noun(language.currencies[name].unit, groups["scale"])
        return f"{minus}{first}{to}{money.scaled(most, groups['scale'])} {noun}{rated}"

    def money_number(written: str) -> str:
        return re.sub(r",[-\u2013\u2014]{1,2}\Z", "", written).replace(" ", "")

    def split(match: re.Match[str]) -> str:
        """Reads "3€50"."""
        return money.total(f"{match[1]},{match[3]}", match[2], None)

    def scaled(match: re.Match[str]) -> str | None:
        """Reads "5 Mio." and "1 Mio.", whose dot may end the sentence."""
        written, name = match["least"], match["scale"]
        if not name.endswith(".") and name not in ABBREVIATED:
            return None
        words = money.scaled(match["most"] or written, name)
        first = f"{written.replace(' ', '')} {language.signs['to']} " if match["most"] else ""
        return first + words

    return (
        number_rule("money", rf"(\d{{1,6}})\s?([{SIGNS}])(\d{{2}})(?![\w.,%])", split, signs=SIGNS),
        number_rule(
            "money",
            rf"{MINUS}(?P<least>{_AMOUNT})(?:\s?(?:[{SIGNS}]|(?:{code}))?{DASH}(?P<most>{_AMOUNT}))?{scale}\s?{sign}{rate}(?!\w)",
            price,
        ),
        rule(
            "money",
            rf"{_START}{MINUS}(?P<sign>(?:US\s?)?[{SIGNS}]|(?:{code})(?![a-zA-Z]))(?:\s(?<!\d\s[{SIGNS}]\s))?(?P<inner>[-\u2212])?(?P<least>{_AMOUNT})"
            rf"(?:{DASH}[{SIGNS}]?(?P<most>{_AMOUNT}))?{scale}{rate}{_END}",
            price,
            signs=SIGNS + "ABCDEGHJKLNPRSUY",
        ),
        number_rule(
            "scale",
            rf"(?P<least>{NUMBER})(?:{DASH}(?P<most>{NUMBER}))?\s?(?P<scale>{any_of(language.scales)})(?!\w)",
            scaled,
            signs=DIGIT,
        ),
    )


ABBREVIATED = frozenset({"Mio", "Mrd", "mln", "mld", "Tsd", "Md", "Mds"})
"""Scales that are abbreviated without a dot."""
