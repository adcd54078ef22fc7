"""Dates: "2024-03-15", "5/1/08", "Jan. 5", "the 26th May", "4-6 July", "15-Jan-2020", "3Q22", "Mon., Jan. 5"."""

from __future__ import annotations

import re
from functools import cache

from server.text.english.figures import AFTER, DASH, before, counts_things, ends_sentence, number_rule
from server.text.english.times import clock
from server.text.numerals import cardinal, ordinal, year
from server.text.rules import DIGIT, Rule, rule

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
SHORT = {name[:3]: name for name in MONTHS} | {"Sept": "September"}
MONTH_FIRST = frozenset({"en", "en-us", "en-ca", "en-ph"})
"""The languages that write 3/15/2024; any other English writes 15/3/2024."""
DAYS = {"Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday",
        "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday"}  # fmt: skip
DENOMINATORS = frozenset({2, 3, 4, 5, 6, 8, 10, 12, 16, 20})
QUARTERS = {"1": "first", "2": "second", "3": "third", "4": "fourth"}
_SHORT_DAY = "|".join(sorted(DAYS, key=len, reverse=True))
_DAY = "|".join((*DAYS.values(), _SHORT_DAY))
_NAME = "|".join((*MONTHS, *sorted(SHORT, key=len, reverse=True)))
_SAFE = [name for name in MONTHS if name not in {"March", "May"}]
"""Months that are no other words: these alone are dates in small letters, before a day without a year."""


def _any_case(names: list[str]) -> str:
    return "|".join(
        case for name in sorted(names, key=len, reverse=True) for case in (name, name.lower(), name.upper())
    )


LONG = "|".join((*MONTHS, *(name.upper() for name in MONTHS), *(name.lower() for name in _SAFE)))
_SHORT = _any_case([name for name in SHORT if name != "May"])
MONTH = rf"(?:(?:{LONG})|(?:{_SHORT})\b\.?)"
_NTH = r"(?:st|nd|rd|th)"


def month_name(written: str) -> str:
    """Returns "September" for "Sept." and "SEP"."""
    return SHORT[written[:3].capitalize()]


def spoken_year(written: str) -> str:
    """Returns "twenty twenty-four" for "2024", and "oh eight" for a year of two digits: no century is invented."""
    if len(written) == 2:
        return f"oh {cardinal(int(written[1]))}" if written[0] == "0" else cardinal(int(written))
    return year(int(written))


def _date(written: str, month: int, day: int) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{MONTHS[month - 1]} {ordinal(day)} {spoken_year(written)}"


def _year_first(match: re.Match[str]) -> str | None:
    return _date(match[1], int(match[3]), int(match[4]))


def _timestamp(match: re.Match[str]) -> str | None:
    """Reads "2024-03-15T10:30:00Z" without the seconds and the zone."""
    date, time = _year_first(match), clock(match[5], match[6], None)
    return f"{date}, {time}" if date and time else None


def _last_dot(match: re.Match[str]) -> str:
    return "." if match[0].endswith(".") and ends_sentence(match) else ""


def _month_day(match: re.Match[str]) -> str | None:
    """Reads "Jan. 5" and "July 4-6", but not "in May 12 people"."""
    first, last = int(match[2]), match[3]
    if not 1 <= first <= 31 or (last and not first < int(last) <= 31):
        return None
    if counts_things(match) and re.search(r"\b[Ii]n\s\Z", before(match, 3)):
        return None
    words = f"{month_name(match[1])} {ordinal(first)}"
    return f"{words} to {ordinal(int(last))}" if last else words


def _day_month(match: re.Match[str]) -> str | None:
    """Reads "15 March", "26th of May" and "4-6 July"; after "the" without another."""
    first, last, month = int(match[1]), match["last"], month_name(match["month"])
    if not 1 <= first <= 31 or (last and not first < int(last) <= 31):
        return None
    joint = "and" if match["both"] else "to"
    days = f"{ordinal(first)} {joint} the {ordinal(int(last))}" if last else ordinal(first)
    article = "" if re.search(r"\b[Tt]he\s\Z", before(match, 4)) else "the "
    return f"{article}{days} of {month}{_last_dot(match)}"


def _days(match: re.Match[str]) -> str | None:
    """Reads "Feb. 28-Mar. 1"."""
    first, last = int(match[2]), int(match[4])
    if not (1 <= first <= 31 and 1 <= last <= 31):
        return None
    return f"{month_name(match[1])} {ordinal(first)} to {month_name(match[3])} {ordinal(last)}"


def _month_year(match: re.Match[str]) -> str:
    return f"{MONTHS[int(match[1]) - 1]} {spoken_year(match[2])}"


def _hyphened(match: re.Match[str]) -> str | None:
    """Reads "Jan-15-2020" and "15-Jan-2020"."""
    day, month = (match[1], match[2]) if match[1].isdigit() else (match[2], match[1])
    if not day.isdigit() or month.isdigit() or not 1 <= int(day) <= 31:
        return None
    return f"{month_name(month)} {ordinal(int(day))}" + (f" {spoken_year(match[3])}" if match[3] else "")


def _month_alone(match: re.Match[str]) -> str:
    return month_name(match[1]) + _last_dot(match)


def _names(match: re.Match[str]) -> str:
    """Reads "Mon-Fri" and "January–March"."""
    first, last = (DAYS.get(name) or DAYS.get(name[:3]) or month_name(name) for name in match.groups())
    return f"{first} to {last}"


def _weekday(match: re.Match[str]) -> str:
    return DAYS[match[1]]


def _quarter(match: re.Match[str]) -> str:
    return f"{QUARTERS[match[1]]} quarter of {spoken_year(match[2])}"


def _fiscal_year(match: re.Match[str]) -> str:
    return f"fiscal year {spoken_year(match[1])}"


@cache
def rules(language: str) -> tuple[Rule, ...]:
    """Returns the rules of dates; the language (BCP 47) decides whether 5/1/08 is in May or in January."""
    month_first = language.lower() in MONTH_FIRST

    def numeric(match: re.Match[str]) -> str | None:
        first, second = int(match[1]), int(match[3])
        month, day = (first, second) if (month_first and first <= 12) or second > 12 else (second, first)
        return _date(match[4], month, day)

    def numeric_range(match: re.Match[str]) -> str | None:
        """Reads "9/1/2025-5/31/2026"."""
        dates = [numeric(each) for each in re.finditer(r"(\d+)(/)(\d+)/(\d+)", match[0])]
        return f"{dates[0]} to {dates[1]}" if all(dates) else None

    def short(match: re.Match[str]) -> str | None:
        """Reads "on 3/15", "Tue (2/22)" and "by 12/24", but not "by 3/4"."""
        first, second = int(match[1]), int(match[2])
        month, day = (first, second) if (month_first and first <= 12) or second > 12 else (second, first)
        limited = int(match[2]) not in DENOMINATORS and re.search(
            r"\b(?:by|before|since|until|from|after|except)\s\Z", before(match, 8)
        )
        named = limited or re.search(
            rf"\b(?:[Oo]n|[Dd]ue|[Dd]ated|{'|'.join(DAYS)}|[A-Z][a-z]{{2,5}}day),?\s\(?\Z", before(match, 12)
        )
        named = named or re.search(r"\b(?:[Oo]n|[Ee]xcept)\s\d{1,2}/\d{1,2}\s(?:and|or)\s\Z", before(match, 20))
        if not named or not (1 <= month <= 12 and 1 <= day <= 31):
            return None
        return f"{MONTHS[month - 1]} {ordinal(day)}"

    end = r"(?![\w%]|[.,:/-]\d)"
    return (
        number_rule(
            "date",
            r"(\d{4})(-)(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?(?![\w:])",
            _timestamp,
            signs="T",
        ),
        number_rule("date", rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){end}", _year_first, signs="-/."),
        number_rule(
            "date",
            rf"\d{{1,2}}/\d{{1,2}}/(?:\d{{4}}|\d\d){DASH}\d{{1,2}}/\d{{1,2}}/(?:\d{{4}}|\d\d){end}",
            numeric_range,
            signs="/",
        ),
        number_rule("date", r"(0[1-9]|1[0-2])/(20\d\d)(?![\w/]|\.\d)", _month_year, signs="/"),
        number_rule("date", rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){end}", numeric, signs="-/."),
        number_rule("date", rf"(\d{{1,2}})([-/])(\d{{1,2}})\2(\d{{2}}){end}", numeric, signs="-/"),
        number_rule("date", r"(\d{1,2})/(\d{1,2})(?![\w/]|\.\d)", short, signs="/"),
        rule(
            "date",
            rf"(?<![\w-])(\d{{1,2}}|{MONTH})-(\d{{1,2}}|{MONTH})-(\d{{4}}|\d{{2}})(?![\w-])",
            _hyphened,
            signs="-",
        ),
        rule("date", rf"(?<![\w-])({MONTH})-(\d{{1,2}})()(?![\w-])", _hyphened, signs="-"),
        rule(
            "date", rf"\b({MONTH})\s(\d{{1,2}}){DASH}({MONTH})\s(\d{{1,2}})(?!\w|[:.]\d)", _days, signs="-\u2013\u2014"
        ),
        rule(
            "date",
            rf"\b({MONTH})\s(\d{{1,2}}){_NTH}?(?:{DASH}(\d{{1,2}}){_NTH}?)?\b(?![:.]\d|%|,\d{{3}}|\s?[ap]\.?m\b|-\w)",
            _month_day,
            signs=DIGIT,
        ),
        rule("date", r"\b(may|march)\s(\d{1,2})(?:st|nd|rd|th)?()(?=,?\s\d{4}\b)", _month_day, signs="m"),
        number_rule(
            "date",
            rf"(\d{{1,2}}){_NTH}?(?:(?:{DASH}|(?P<both>\s(?:&|and)\s))(?P<last>\d{{1,2}}){_NTH}?)?(?:\sof)?\s"
            rf"(?P<month>{MONTH}|may(?=,?\s\d{{4}}\b))(?!\w)",
            _day_month,
            signs=DIGIT,
        ),
        rule("day_range", rf"\b({_DAY})\.?{DASH}({_DAY})\b\.?(?=[\s,;:)]|\Z)", _names, signs="-\u2013\u2014"),
        rule("month_range", rf"\b({_NAME})\.?{DASH}({_NAME})\b\.?(?=[\s,;:)]|\Z)", _names, signs="-\u2013\u2014"),
        rule("month", rf"\b((?:{_SHORT})\b\.?)(?=,?\s(?:1\d|20)\d\d\b)", _month_alone, signs=DIGIT),
        rule("month", r"\b((?:Jan|Feb|Aug|Sept|Oct|Nov|Dec)\.)(?=[\s,;)])", _month_alone, signs="."),
        number_rule("quarter", r"([1-4])Q(?!\w)", lambda match: f"{QUARTERS[match[1]]} quarter", signs="Q"),
        rule("day", rf"\b({_SHORT_DAY})\.(?=[,:]?\s)", _weekday, signs="."),
        rule(
            "day",
            rf"\b({_SHORT_DAY})(?=,?\s(?:{MONTH}\s\d|\d{{1,2}}(?:[:/]\d|\s?[ap]m|{_NTH}|\s(?:{MONTH}))))",
            _weekday,
            signs=DIGIT,
        ),
        number_rule("quarter", rf"([1-4])Q\s?['’]?(\d{{4}}|\d{{2}}){AFTER}", _quarter, signs="Q"),
        rule("year", rf"\bFY\s?['’]?(\d{{4}}|\d{{2}}){AFTER}", _fiscal_year, signs="F"),
    )
