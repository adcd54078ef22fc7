"""Rules for the English that espeak-ng reads wrongly; docs/text.md has the measured table."""

from __future__ import annotations

import re

from server.text.numerals import MONEY_SIGNS, money, ordinal, plain, year
from server.text.rules import Rule, rule

NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,12})(?:\.\d{1,6})?"
ALONE = r"(?<![\w.,$€£-])"
"""Matches the position before a number that is not part of another."""
ENDS = r"(?![\w%]|[.,:/-]\d)"

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MONTH = "|".join((*MONTHS, *(rf"{name[:3]}\b\.?" for name in MONTHS if name != "May"), r"Sept\b\.?"))
SCALES = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion", "t": "trillion"}
CURRENCIES = {"$": "dollars", "€": "euros", "£": "pounds"}
UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "mph": ("mile per hour", "miles per hour"),
    "m/s": ("meter per second", "meters per second"),
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "kg": ("kilogram", "kilograms"), "mg": ("milligram", "milligrams"), "ml": ("milliliter", "milliliters"),
    "ft": ("foot", "feet"), "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"),
    "KB": ("kilobyte", "kilobytes"), "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "ms": ("millisecond", "milliseconds"),
    "kW": ("kilowatt", "kilowatts"), "kWh": ("kilowatt hour", "kilowatt hours"),
    "°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
}  # fmt: skip
PARTS = {2: ("half", "halves"), 3: ("third", "thirds"), 4: ("quarter", "quarters"), 5: ("fifth", "fifths"),
         8: ("eighth", "eighths"), 10: ("tenth", "tenths")}  # fmt: skip
ROMAN = {"I": 1, "V": 5, "X": 10}
ABBREVIATIONS = {
    "e.g.": "for example", "i.e.": "that is", "vs.": "versus", "approx.": "approximately", "etc.": "et cetera",
    "et al.": "et al", "Ph.D.": "P H D",
}  # fmt: skip
TITLES = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missis", "Ms": "Miz", "Prof": "Professor", "Gen": "General",
    "Col": "Colonel", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant", "Gov": "Governor", "Sen": "Senator",
    "Rep": "Representative", "Rev": "Reverend", "Mt": "Mount",
}  # fmt: skip
MARKS = {".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", "?": " question mark ", "=": " equals ",
         "&": " and ", "#": " hash ", "@": " at ", "%": " percent ", "+": " plus ", ":": " colon "}  # fmt: skip


def _address(match: re.Match[str]) -> str:
    """Returns a web or mail address without its scheme and "www", with its punctuation in words."""
    address = match[0].rstrip(".,;:!?)]}'")
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", address, flags=re.IGNORECASE).rstrip("/")
    return " ".join("".join(MARKS.get(mark, mark) for mark in bare).split()) + match[0][len(address) :]


def _price(match: re.Match[str]) -> str | None:
    """Reads $3.50, $5 million, $2.5B."""
    sign, amount, scale = match["sign"], plain(match["amount"], "en"), match["scale"]
    if scale:
        return f"{amount} {SCALES.get(scale.lower(), scale.lower())} {CURRENCIES[sign]}"
    if "." in amount and len(amount.partition(".")[2]) != 2:
        return None
    return _money(amount, sign)


def _money(amount: str, sign: str) -> str | None:
    """Reads an amount; num2words itself says "two pounds sterling" and "two euro"."""
    words = money(amount, MONEY_SIGNS[sign], "en")
    return words and re.sub(r"\beuro\b(?<!one euro)", "euros", words.replace(" sterling", ""))


def _prices(match: re.Match[str]) -> str | None:
    """Reads $5-10."""
    return f"{match['least']} to {match['most']} {CURRENCIES[match['sign']]}"


def _iso_date(match: re.Match[str]) -> str | None:
    return _date(int(match[1]), int(match[2]), int(match[3]))


def _slashed_date(match: re.Match[str]) -> str | None:
    """Reads a date with the month first, as in en-US, unless there is no such month."""
    first, second = int(match[1]), int(match[2])
    return _date(int(match[3]), *((second, first) if first > 12 else (first, second)))


def _date(number: int, month: int, day: int) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{MONTHS[month - 1]} {ordinal(day)} {year(number)}"


def _month(written: str) -> str:
    return next(name for name in MONTHS if name.startswith(written[:3]))


def _month_day(match: re.Match[str]) -> str | None:
    return f"{_month(match[1])} {ordinal(int(match[2]))}" if 1 <= int(match[2]) <= 31 else None


def _day_month(match: re.Match[str]) -> str | None:
    return f"the {ordinal(int(match[1]))} of {_month(match[2])}" if 1 <= int(match[1]) <= 31 else None


def _time(match: re.Match[str]) -> str | None:
    hour, minute = int(match[1]), match[2]
    if hour > 23 or int(minute) > 59:
        return None
    half = f" {match[3].upper()}.M." if match[3] else ""
    if minute == "00":
        hours = " o'clock" if 1 <= hour <= 12 else " hundred hours"
        return f"{hour}{half or hours}"
    return f"{hour} {'oh ' + minute[1] if minute[0] == '0' else minute}{half}"


def _year(match: re.Match[str]) -> str:
    return year(int(match[0]))


def _decade(match: re.Match[str]) -> str:
    words = year(int(match[1]))
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _measure(match: re.Match[str]) -> str:
    singular, plural = UNITS[match[2]]
    return f"{match[1]} {singular if match[1] == '1' else plural}"


def _fraction(match: re.Match[str]) -> str | None:
    """Reads 1/2 and 3/4, but not 24/7."""
    number, parts = int(match[1]), int(match[2])
    if parts not in PARTS or number >= parts:
        return None
    return f"{'one' if number == 1 else number} {PARTS[parts][number > 1]}"


def _roman(match: re.Match[str]) -> str:
    values = [ROMAN[letter] for letter in match[2]]
    total = sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))
    return f"{match[1]} {total if match[1] in COUNTED.split('|') else 'the ' + ordinal(total)}"


def _dotted(match: re.Match[str]) -> str:
    """Reads a version or an IP address."""
    return ("v " if match[0][0] == "v" else "") + " point ".join(group for group in match.groups() if group)


def _dotted_letters(match: re.Match[str]) -> str:
    """Reads U.S.; its last dot stays only at the end of a sentence."""
    letters = match[0].replace(".", " ").strip()
    return letters if re.match(r"\W{0,9}\w", match.string[match.end() : match.end() + 10]) else f"{letters}."


def _digits(match: re.Match[str]) -> str:
    """Reads a telephone number digit by digit, with a pause between its groups."""
    groups = [" ".join(group) for group in re.findall(r"\d+", match[0])]
    return ("plus " if match[0].startswith("+") else "") + ", ".join(groups)


COUNTED = "Chapter|Part|Volume|Book|Act|Scene|Section|War|Phase|Type|Level|Bowl"
REGNAL = "Henry|Edward|Charles|George|James|William|Richard|Louis|Elizabeth|Pope|Benedict|Pius|Paul|Catherine"
ROMANS = r"(?=[IVX]{2}|[VX])X{0,3}(?:IX|IV|V?I{0,3})"

RULES: tuple[Rule, ...] = (
    rule(r"(?<![\w./@+-])(?:https?://|www\.)[^\s<>\"]{1,500}", _address, re.IGNORECASE),
    rule(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", _address),
    rule(r"(?<![\w$€£])(?P<sign>[$€£])(?P<least>\d{1,9})\s?[-\u2013]\s?[$€£]?(?P<most>\d{1,9})" + ENDS, _prices),
    rule(
        rf"(?<![\w$€£])(?P<sign>[$€£])\s?(?P<amount>{NUMBER})"
        r"(?:\s?(?P<scale>thousand|million|billion|trillion|[kKmMbBtT]|bn)\b)?(?![\w%]|[.,]\d)",
        _price,
    ),
    rule(ALONE + r"(\d{4})-(\d{2})-(\d{2})" + ENDS, _iso_date),
    rule(ALONE + r"(\d{1,2})/(\d{1,2})/(\d{4})" + ENDS, _slashed_date),
    rule(rf"\b({MONTH})\s(\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d)", _month_day),
    rule(ALONE + rf"(\d{{1,2}})(?:st|nd|rd|th)?\s({MONTH})(?!\w)", _day_month),
    rule(ALONE + r"(\d{1,2}):(\d{2})(?:\s?([aApP])\.?[mM]\b\.?)?(?![\w:])", _time),
    rule(ALONE + r"(?:\+\d{1,3}[ -])?\(?\d{3}\)?[ -]\d{3}-\d{4}" + ENDS, _digits),
    rule(ALONE + r"\d{3}-\d{4}" + ENDS, _digits),
    rule(ALONE + r"(\d{3}0)s\b", _decade),
    rule(ALONE + r"(?:1[1-9]\d\d|20[1-9]\d)" + ENDS, _year),
    rule(ALONE + r"(\d{1,9})(?:st|nd|rd|th)\b", lambda match: ordinal(int(match[1]))),
    rule(ALONE + rf"({NUMBER})\s?({'|'.join(map(re.escape, sorted(UNITS, key=len, reverse=True)))})(?!\w)", _measure),
    rule(ALONE + r"(\d{1,2})/(\d{1,2})(?![\w/])", _fraction),
    rule(r"(?<![\w.])v?(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?(?!\w|\.\w)", _dotted),
    rule(r"(?<![\w/])24/7(?![\w/])", "24 7"),
    rule(ALONE + r"(\d{1,9})\s?[-\u2013]\s?(\d{1,9})(?=\s[a-z])", r"\1 to \2"),
    rule(r"(?<=\d)\s-\s(?=\d)", " minus "),
    rule(r"(?<=\d)\s?[*\u00d7]\s?(?=\d)", " times "),
    rule(r"(?<=\w)(?:\^2|²)(?!\w)", " squared"),
    rule(r"(?<=\w)(?:\^3|³)(?!\w)", " cubed"),
    rule(r"(?<![\w.])\.(?=\d)", "point "),
    rule(r"(?<![\w#])#(?=\d)", "number "),
    rule(r"\b([CF])#(?!\w)", r"\1 sharp"),
    rule(rf"\b({COUNTED}|{REGNAL})\s({ROMANS})(?!\w)", _roman),
    rule(r"\bNo\.\s?(?=\d)", "number "),
    rule(rf"\b({'|'.join(TITLES)})\.(?=\s[A-Z])", lambda match: TITLES[match[1]]),
    rule(r"\bSt\.(?=\s[A-Z])(?<![a-z] St\.)", "Saint"),
    rule(r"(?<=[a-z] )St\.", "Street"),
    rule(rf"(?<!\w)(?:{'|'.join(map(re.escape, ABBREVIATIONS))})(?=\W|$)", lambda match: ABBREVIATIONS[match[0]]),
    rule(r"(?<!\w)(?:[A-Z]\.){2,6}(?!\w)", _dotted_letters),
    rule(r"\b([A-Z])\.(?=\s[A-Z])", r"\1"),
)
