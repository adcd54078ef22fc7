"""Measures: "5 km", "30-50°C", "4 1/2 lbs", "a 5-kg bag", "12 km²", "5 mg/dL", "12/kg", "10-20%"."""

from __future__ import annotations

import re

from server.text.english.figures import (
    DASH,
    MINUS,
    MIXED,
    NUMBER,
    SCALE,
    after,
    before,
    counts_things,
    is_attribute,
    number_rule,
    signed,
)
from server.text.english.fractions import VULGAR, mixed
from server.text.rules import DIGIT, Rule, rule

REGULAR = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer", "µm": "micrometer",
    "mi": "mile", "yd": "yard", "yds": "yard", "kg": "kilogram", "KG": "kilogram", "Kg": "kilogram", "g": "gram",
    "mg": "milligram", "µg": "microgram", "mcg": "microgram", "ng": "nanogram", "t": "tonne", "lb": "pound",
    "lbs": "pound", "oz": "ounce", "fl oz": "fluid ounce", "fl. oz": "fluid ounce", "L": "liter", "l": "liter",
    "mL": "milliliter", "ml": "milliliter", "cl": "centiliter", "dl": "deciliter", "dL": "deciliter",
    "µL": "microliter", "gal": "gallon", "qt": "quart", "pt": "pint", "tsp": "teaspoon", "tbsp": "tablespoon",
    "Tbsp": "tablespoon", "ha": "hectare", "bbl": "barrel", "atm": "atmosphere", "h": "hour", "hr": "hour",
    "hrs": "hour", "min": "minute", "mins": "minute", "sec": "second", "secs": "second",
    "ms": "millisecond", "µs": "microsecond", "ns": "nanosecond", "yr": "year", "yrs": "year", "mo": "month",
    "wk": "week", "wks": "week",
    "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "TW": "terawatt", "mW": "milliwatt",
    "Wh": "watt hour", "kWh": "kilowatt hour", "MWh": "megawatt hour", "GWh": "gigawatt hour",
    "TWh": "terawatt hour", "V": "volt", "kV": "kilovolt", "mV": "millivolt", "mA": "milliamp",
    "mAh": "milliamp hour", "Ah": "amp hour", "Ω": "ohm", "kΩ": "kilohm", "Pa": "pascal", "kPa": "kilopascal",
    "hPa": "hectopascal", "MPa": "megapascal", "mbar": "millibar", "kJ": "kilojoule", "MJ": "megajoule",
    "kcal": "kilocalorie", "cal": "calorie", "kN": "kilonewton", "Nm": "newton meter", "N\u22c5m": "newton meter",
    "N\u00b7m": "newton meter", "dB": "decibel", "dBA": "decibel", "lm": "lumen", "mol": "mole",
    "mmol": "millimole", "MP": "megapixel", "px": "pixel",
    "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte",
    "PB": "petabyte", "KiB": "kibibyte", "MiB": "mebibyte", "GiB": "gibibyte", "TiB": "tebibyte",
    "kbit": "kilobit", "Mbit": "megabit", "Gbit": "gigabit", "Mb": "megabit", "Gb": "gigabit",
    "ly": "light year", "millimeter": "millimeter", "kilogram": "kilogram",
}  # fmt: skip
"""Units whose plural ends in s. A bare "s" is none: "5 s" may be half of "5's"; it counts only after a space."""
IRREGULAR = {
    "ft": ("foot", "feet"), "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "THz": ("terahertz", "terahertz"),
    "mph": ("mile per hour", "miles per hour"), "kph": ("kilometer per hour", "kilometers per hour"),
    "mpg": ("mile per gallon", "miles per gallon"), "psi": ("P S I", "P S I"), "cc": ("C C", "C C"),
    "hp": ("horsepower", "horsepower"),
    "rpm": ("revolution per minute", "revolutions per minute"), "bpm": ("beat per minute", "beats per minute"),
    "fps": ("frame per second", "frames per second"), "ppm": ("part per million", "parts per million"),
    "ppb": ("part per billion", "parts per billion"), "bps": ("bit per second", "bits per second"),
    "dpi": ("dot per inch", "dots per inch"), "mmHg": ("millimeter of mercury", "millimeters of mercury"),
    "kbps": ("kilobit per second", "kilobits per second"), "mbps": ("megabit per second", "megabits per second"),
    "Mbps": ("megabit per second", "megabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
    "sq ft": ("square foot", "square feet"), "sq. ft": ("square foot", "square feet"),
    "sq mi": ("square mile", "square miles"), "sq km": ("square kilometer", "square kilometers"),
    "sq m": ("square meter", "square meters"), "cu ft": ("cubic foot", "cubic feet"),
    "cu. ft": ("cubic foot", "cubic feet"),
    "m/s²": ("meter per second squared", "meters per second squared"),
    "m/s2": ("meter per second squared", "meters per second squared"),
    "°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "° C": ("degree Celsius", "degrees Celsius"), "° F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "ºC": ("degree Celsius", "degrees Celsius"), "ºF": ("degree Fahrenheit", "degrees Fahrenheit"),
    "℃": ("degree Celsius", "degrees Celsius"), "℉": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"), "º": ("degree", "degrees"),
}  # fmt: skip
UNITS = {**{symbol: (word, f"{word}s") for symbol, word in REGULAR.items()}, **IRREGULAR}
UNITS |= {symbol.replace("µ", "μ"): words for symbol, words in UNITS.items() if "µ" in symbol}  # micro, and Greek mu
POWERS = {"²": "square", "2": "square", "^2": "square", "³": "cubic", "3": "cubic", "^3": "cubic"}
LENGTHS = {**{symbol: UNITS[symbol] for symbol in ("km", "m", "cm", "mm", "ft", "mi", "yd")}, "in": ("inch", "inches")}
UNITS |= {symbol + power: (f"{word} {one}", f"{word} {many}")
          for power, word in POWERS.items() for symbol, (one, many) in LENGTHS.items()}  # fmt: skip
PERIODS = {"hr": "hour", "h": "hour", "d": "day", "wk": "week", "mo": "month", "yr": "year", "y": "year",
           "s": "second", "sqft": "square foot"}  # fmt: skip

ONLY_AFTER_NUMBERS = {"s": ("second", "seconds"), "in": ("inch", "inches"), "c": ("cup", "cups")}
"""Units that are words or letters too; each has a pattern of its own."""
ALONE = {"km/h": "kilometers per hour", "m/s": "meters per second", "kWh": "kilowatt hours", "°C": "degrees Celsius",
         "°F": "degrees Fahrenheit", "km²": "square kilometers", "m²": "square meters"}  # fmt: skip
"""Units that are read without a number before them."""
_ALONE = "|".join(map(re.escape, ALONE))
RATES = ("day", "week", "month", "year", "hour", "minute", "second", "person", "night", "kg", "mo", "yr", "hr", "wk",
         "km", "min", "sec")  # fmt: skip
"""What may follow the slash of a bare number: "12/kg"."""

_COMPARED = r"a|per|as|the|more|less|daily|weekly|better|[a-z]{3,10}er"
"""Matches what follows the x of "1.5x faster", "2x the price" and "3x a week"."""

UNIT = "|".join(map(re.escape, sorted(UNITS, key=len, reverse=True)))
PER = rf"(?:{'|'.join(sorted(PERIODS, key=len, reverse=True))}|{UNIT}|[a-z]{{3,12}})"
"""Matches what follows the slash of "$5/kg", "20 mg/day" or "£4/ticket"."""
QUANTITY = rf"(?P<least>{MIXED}|{NUMBER})"


def per(written: str) -> str:
    """Returns "kilogram" for the "kg" of "$5/kg"."""
    return PERIODS.get(written) or (UNITS[written][0] if written in UNITS else written)


def _measure(match: re.Match[str]) -> str | None:
    """Reads a number or range with its unit; after a hyphen or before a noun the unit is singular."""
    unit, joint = match["unit"], match["joint"]
    if _is_no_unit(match, unit, joint):
        return None
    one, many = ONLY_AFTER_NUMBERS.get(unit) or UNITS[unit]
    quantity = mixed(match["least"]) + (" plus" if match["plus"] else "")
    share = "/" in match["least"][:3] or match["least"] in VULGAR
    single = (share or quantity == "1") and not match["most"] and not match["scale"]
    noun = one if single or (joint == "-" and not match["most"]) or is_attribute(match) else many
    if quantity == "one half" and before(match, 6) == "every ":
        return f"half {noun}"
    if share and single and not quantity.startswith("one "):
        quantity += " of an" if noun[0] in "aeio" or noun == "hour" else " of a"
    if match["most"]:
        other = f" {UNITS[match['first']][match['least'] != '1']}" if match["first"] not in {None, "", unit} else ""
        quantity += f"{other} to {mixed(match['most'])}"
        noun = one if other and match["most"] == "1" else noun
    scale = f" {match['scale']}" if match["scale"] else ""
    rate = "".join(f" per {per(match[name])}" for name in ("per", "per2") if match[name])
    return signed(match, f"{quantity}{scale} {noun}{rate}")


def _is_no_unit(match: re.Match[str], unit: str, joint: str) -> bool:
    """Whether the letter is none: "5m people" are millions, "4s" needs a space, "60 W 14th" is west."""
    if unit == "m" and counts_things(match):
        return True
    if unit == "s" and match["first"]:
        return False
    if unit == "s":
        return (joint != " " and "." not in match["least"]) or joint == "-" or bool(match["per"])
    if unit == "W" and re.match(r"\s(?:\d|[A-Z])", after(match, 2)):
        return True
    return unit in {"t", "W", "V", "h", "l", "L", "g"} and joint == "-"


def _multiple(match: re.Match[str]) -> str:
    """Reads "1.5x faster", "2-3x the fees" and "3x/day"."""
    most = f" to {match[2]}" if match[2] else ""
    return f"{match[1]}{most} times" + (f" per {per(match[3])}" if match[3] else "")


def _millions(match: re.Match[str]) -> str | None:
    return f"{match[1]} million" if counts_things(match) else None


def _percent_range(match: re.Match[str]) -> str:
    first = " percent" if match["percent"] else ""
    return signed(match, f"{match['least']}{first} to {match['most']} percent")


def _oven(match: re.Match[str]) -> str | None:
    """Reads the F of "at 350 F" and "a high of 54F"."""
    if not re.search(r"\b(?:at|to|of|or|highs?|lows?|near|around|about|is|was)\s\Z", before(match, 8)):
        return None
    return f"{match[1]} degrees {'Celsius' if match[2] == 'C' else 'Fahrenheit'}"


RULES: tuple[Rule, ...] = (
    number_rule(
        "rate", rf"({NUMBER})/({'|'.join(RATES)})(?![\w/])", lambda match: f"{match[1]} per {per(match[2])}", signs="/"
    ),
    number_rule(
        "rate",
        rf"({NUMBER})\s?%/({'|'.join(RATES)})(?![\w/])(?:\.(?=\s[a-z(]|[),;:]))?",
        lambda match: f"{match[1]} percent per {per(match[2])}",
        signs="%",
    ),
    number_rule(
        "rate",
        rf"({NUMBER})(?:{DASH}({NUMBER}))?[x×](?:/({'|'.join(RATES)})(?![\w/])|(?=\s(?:{_COMPARED})\b))",
        _multiple,
        signs="x×",
    ),
    rule("rate", r"(?<=[a-z)])/(\d{1,3})\s?h(?:rs?|ours)?(?![\w/])", r" per \1 hours", signs="/"),
    rule("rate", r"(?<!\w)q\.?\s?(\d{1,2})\s?h(?:rs?|ours)?(?![\w/])", r"every \1 hours", signs="q"),
    number_rule("pressure", r"(\d{2,3})/(\d{2,3})\s?mmHg(?!\w)", r"\1 over \2 millimeters of mercury", signs="/"),
    number_rule(
        "measure",
        rf"(\d{{1,3}}(?:[ -]\d{{1,2}}/\d{{1,2}}|\s?[{''.join(VULGAR)}]))\s?in\.(?=[\"”’]?\s*\Z)",
        lambda match: f"{mixed(match[1])} inches.",
        signs=DIGIT,
    ),
    number_rule(
        "measure",
        rf"{MINUS}{QUANTITY}(?P<plus>\+)?(?:\s?(?P<first>{UNIT})?{DASH}(?P<most>{MIXED}|{NUMBER}))?(?:\s(?P<scale>{SCALE}))?"
        rf"(?P<joint>[\s-]?)(?P<unit>{UNIT}|s)(?:/(?P<per>{PER})(?:/(?P<per2>{PER}))?)?"
        r"(?![\w²³°]|/(?!\s?\d)|-\d|['’][st])(?:\.(?=\s[a-z(]|[),;:]))?",
        _measure,
        signs=DIGIT + "½⅓⅔¼¾⅛⅜⅝⅞",
    ),
    number_rule(
        "measure",
        rf"{MINUS}{QUANTITY}(?:{DASH}(?P<most>{MIXED}|{NUMBER}))?(?P<scale>)(?P<first>)(?P<joint>\s?)(?P<unit>in|c)\."
        r"(?P<per>)(?P<per2>)(?P<plus>)(?=\s[a-z(])",
        _measure,
        signs=DIGIT,
    ),
    rule(
        "measure",
        r"(?<=[CF]/)(\d{1,3})\s?°([CF])(?!\w)",
        lambda match: f"{match[1]} {UNITS['°' + match[2]][1]}",
        signs="°",
    ),
    rule("unit", rf"(?<=\bper\s)(?:{UNIT})(?!\w)\.?", lambda match: UNITS[match[0].rstrip(".")][0], signs="p"),
    rule(
        "unit",
        rf"(?<=\s)(?:{_ALONE})(?![\w/])|(?<=\()(?:{_ALONE})(?=\))",
        lambda match: ALONE[match[0]],
        signs="/°²W",
    ),
    number_rule("measure", rf"({NUMBER})\s?m(?=\s[a-z])", _millions, signs="m"),
    number_rule("measure", rf"({NUMBER})\s?([CF])(?!\w)", _oven, signs="CF"),
    number_rule(
        "percent_range",
        rf"{MINUS}(?P<least>{NUMBER})\s?(?P<percent>%)?{DASH}(?P<most>{NUMBER})\s?%(?!\w)",
        _percent_range,
        signs="%",
    ),
)
