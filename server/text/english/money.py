"""Money: "$3.50", "-$5", "$5-10 million", "£1.2bn", "US$20", "€5/kg", "20 €", "99p", "CHF 50"."""

from __future__ import annotations

import re
from typing import NamedTuple

from server.text.english.figures import (
    AFTER,
    DASH,
    NUMBER,
    SCALE,
    SHORT_SCALE,
    is_attribute,
    number_rule,
    scale,
    signed,
)
from server.text.english.measures import PER, per
from server.text.numerals import cardinal, plain
from server.text.rules import DIGIT, Rule, rule


class Currency(NamedTuple):
    """The words of a currency: one of it, several, and its hundredths."""

    one: str
    many: str
    cent: str = "cent"
    cents: str = "cents"


SIGNS = {
    "$": Currency("dollar", "dollars"),
    "€": Currency("euro", "euros"),
    "£": Currency("pound", "pounds", "penny", "pence"),
    "¥": Currency("yen", "yen", "sen", "sen"),
    "₩": Currency("won", "won", "jeon", "jeon"),
    "₹": Currency("rupee", "rupees", "paisa", "paise"),
    "₽": Currency("ruble", "rubles", "kopek", "kopeks"),
    "₺": Currency("lira", "lira", "kurush", "kurush"),
    "₪": Currency("shekel", "shekels", "agora", "agorot"),
    "₱": Currency("peso", "pesos", "centavo", "centavos"),
    "₫": Currency("dong", "dong"),
    "₦": Currency("naira", "naira", "kobo", "kobo"),
    "₿": Currency("bitcoin", "bitcoins"),
}
COUNTRIES = {
    "US": "U S", "C": "Canadian", "CA": "Canadian", "A": "Australian", "AU": "Australian", "NZ": "New Zealand",
    "HK": "Hong Kong", "S": "Singapore", "NT": "Taiwan",
}  # fmt: skip
CODES = {
    "USD": Currency("U S dollar", "U S dollars"), "EUR": SIGNS["€"], "GBP": SIGNS["£"], "JPY": SIGNS["¥"],
    "CNY": Currency("yuan", "yuan", "fen", "fen"), "RMB": Currency("yuan", "yuan", "fen", "fen"),
    "CHF": Currency("Swiss franc", "Swiss francs"), "CAD": Currency("Canadian dollar", "Canadian dollars"),
    "AUD": Currency("Australian dollar", "Australian dollars"), "INR": SIGNS["₹"], "KRW": SIGNS["₩"],
    "NZD": Currency("New Zealand dollar", "New Zealand dollars"),
    "SEK": Currency("Swedish krona", "Swedish kronor"), "NOK": Currency("Norwegian krone", "Norwegian kroner"),
    "DKK": Currency("Danish krone", "Danish kroner"), "PLN": Currency("zloty", "zloty"),
    "MXN": Currency("Mexican peso", "Mexican pesos"), "BRL": Currency("real", "reais"),
    "ZAR": Currency("rand", "rand"), "SGD": Currency("Singapore dollar", "Singapore dollars"),
    "HKD": Currency("Hong Kong dollar", "Hong Kong dollars"), "BTC": SIGNS["₿"],
}  # fmt: skip

ANY_SIGN = "".join(SIGNS)
SIGN = rf"(?:US\s?|CA|AU|NZ|HK|NT|[CAS])?[{ANY_SIGN}]"
CODE = "|".join(CODES)
AMOUNT = rf"\d{{1,6}},\d{{2}}(?!\d|,\d)|{NUMBER}|\.\d{{1,4}}"
"""Matches 3.50, .50 and, as in Europe, 3,50."""
_SCALED = rf"(?:[\s-]?(?P<scale>{SCALE}|{SHORT_SCALE})\b)?"
_START = rf"(?<![\w.,{ANY_SIGN}\u2212-])(?P<minus>[-\u2212])?"
_END = r"(?![\w%]|[.,]\d)"


def _currency(written: str) -> Currency:
    """Returns the currency of a sign or code, with its country: "US$" is the U S dollar."""
    if written in CODES:
        return CODES[written]
    currency = SIGNS[written[-1]]
    country = COUNTRIES.get(written[:-1].strip())
    return (
        currency._replace(one=f"{country} {currency.one}", many=f"{country} {currency.many}") if country else currency
    )


def _sum(currency: Currency, written: str, scale_word: str | None, *, attribute: bool = False) -> str:
    """Returns "three dollars and fifty cents"; as an attribute "three dollar and fifty cent"."""
    amount = re.sub(r",(\d\d)\Z", r".\1", written if written[0] != "." else f"0{written}").replace(",", "")
    one, many, cent, cents = currency if not attribute else (currency.one, currency.one, currency.cent, currency.cent)
    if scale_word:
        return f"{amount} {scale(scale_word)} {many}"
    whole, _, fraction = amount.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > 2:
        return f"{amount} {many}"
    units = f"{cardinal(int(whole))} {one if int(whole) == 1 else many}"
    if not fraction:
        return units
    hundredths = int(f"{fraction:0<2}")
    small = f"{cardinal(hundredths)} {cent if hundredths == 1 else cents}"
    return small if not int(whole) else f"{units} and {small}"


def _price(match: re.Match[str]) -> str:
    """Reads "-$3.50", "$2.5B", "$20/mo" and, in the singular, "a $5 bill"."""
    words = _sum(_currency(match["sign"]), match["amount"], match["scale"], attribute=is_attribute(match))
    minus = "minus " if match["minus"] or match["inner"] else ""
    return minus + words + (f" per {per(match['per'])}" if match["per"] else "")


def _price_range(match: re.Match[str]) -> str:
    """Reads "$5-10 million" as "5 to 10 million dollars", and "$5-$10" with both amounts in full."""
    currency, attribute = _currency(match["sign"].strip()), is_attribute(match)
    if match["sign2"] and (match["scale1"] or not match["scale"]):
        least = _sum(currency, match["least"], match["scale1"])
        return signed(match, f"{least} to {_sum(_currency(match['sign2']), match['most'], match['scale'])}")
    first = f" {scale(match['scale1'])}" if match["scale1"] else ""
    last = f" {scale(match['scale'])}" if match["scale"] else ""
    noun = currency.one if attribute else currency.many
    return signed(match, f"{plain(match['least'], 'en')}{first} to {plain(match['most'], 'en')}{last} {noun}")


def _trailing(match: re.Match[str]) -> str:
    """Reads "20 €", "50 million USD" and "10-20 €"."""
    currency = _currency(match["sign"])
    if match["most"] is None:
        return signed(match, _sum(currency, match["amount"], match["scale"], attribute=is_attribute(match)))
    last = f" {scale(match['scale'])}" if match["scale"] else ""
    return signed(match, f"{plain(match['amount'], 'en')} to {plain(match['most'], 'en')}{last} {currency.many}")


def _coded(match: re.Match[str]) -> str:
    """Reads "$5 USD"."""
    return signed(match, _sum(CODES[match["code"]], match["amount"], match["scale"]))


def _pence(match: re.Match[str]) -> str:
    return f"{match[1]} {'penny' if match[1] == '1' else 'pence'}"


RULES: tuple[Rule, ...] = (
    rule(
        "money_range",
        rf"{_START}(?P<sign>{SIGN}|(?:{CODE})\s)\s?(?P<least>{NUMBER})(?:\s?(?P<scale1>{SCALE}|{SHORT_SCALE})\b)?{DASH}"
        rf"(?P<sign2>{SIGN})?\s?(?P<most>{NUMBER}){_SCALED}{_END}",
        _price_range,
        signs=ANY_SIGN + "ABCDEGHIJKMNPRSTUZ",
    ),
    rule("money", rf"{_START}\$\s?(?P<amount>{AMOUNT}){_SCALED}\s(?P<code>USD|CAD|AUD|NZD)\b", _coded, signs="$"),
    rule(
        "money",
        # In "3 € 20 times" the sign belongs to the number before it.
        rf"{_START}(?:(?P<sign>{SIGN})(?:\s(?<!\d\s[{ANY_SIGN}]\s))?)(?P<inner>[-\u2212])?(?P<amount>{AMOUNT}){_SCALED}"
        rf"(?:/(?P<per>{PER})\b)?{_END}",
        _price,
        signs=ANY_SIGN,
    ),
    rule(
        "money",
        rf"(?<!\w)(?P<minus>)(?P<inner>)(?P<sign>{CODE})\s?(?P<amount>{NUMBER}){_SCALED}(?:/(?P<per>{PER})\b)?{_END}",
        _price,
        signs="ABCDEGHIJKMNPRSTUZ",
    ),
    rule(
        "money",
        rf"{_START}(?P<amount>{AMOUNT})(?:{DASH}(?P<most>{NUMBER}))?{_SCALED}\s?"
        rf"(?P<sign>[{ANY_SIGN}]|(?:{CODE})\b)(?!\w)",
        _trailing,
        signs=DIGIT,
    ),
    number_rule("money", rf"(\d{{1,2}})p{AFTER}", _pence, signs="p"),
)
