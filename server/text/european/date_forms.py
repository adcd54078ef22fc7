"""Dates: "03.05.2024", "3. Mai", "le 3/05", "3-5 mai", "5 janv. 2024", "2024-05-03", "Mo.–Fr."."""

from __future__ import annotations

import re

from server.text.european.language import Date, Language
from server.text.european.number_forms import DASH, DASHES, any_of, before, number_rule
from server.text.rules import DIGIT, Rule, rule

_VERSION = re.compile(r"(?:[Vv]ersi[oó]ne?n?|[Vv]|Python|Release|IP)\s?\Z")
_END = r"(?![\w%]|[.,:/-]\d)"


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of dates, which come before all others about numbers."""
    names = {name.lower(): number for number, name in enumerate(language.months, 1)}
    names |= {short.lower(): number for short, number in language.short_months.items()}
    full, short = any_of(language.months), any_of(language.short_months)
    month = rf"(?:(?:{full})\b|(?:{short})\b\.?)"
    weekday = any_of(language.weekdays)

    def calendar_day(match: re.Match[str], day: str, number: int, year: str | None) -> str | None:
        if not (1 <= int(day) <= 31 and 1 <= number <= 12):
            return None
        return language.date(
            Date(int(day), language.months[number - 1], language.year(year) if year else "", before(match, 12))
        )

    def numeric(match: re.Match[str]) -> str | None:
        if len(match[4]) == 2 and match[2] == "." and _VERSION.search(before(match, 10)):
            return None
        return calendar_day(match, match[1], int(match[3]), match[4])

    def iso(match: re.Match[str]) -> str | None:
        date = calendar_day(match, match[3], int(match[2]), match[1])
        if date is None or not match[4]:
            return date
        return f"{date}, {language.clock(int(match[4]), int(match[5]))}" if int(match[4]) < 25 else None

    def short_date(match: re.Match[str]) -> str | None:
        if not re.search(rf"\b(?:{language.date_words})\s\Z", before(match, 12), re.IGNORECASE):
            return None
        return calendar_day(match, match[1], int(match[2]), None)

    def named(match: re.Match[str]) -> str | None:
        day, last, name, year = match[1], match[2], match[3].lower().rstrip("."), match[4]
        if last:
            if not 1 <= int(day) < int(last) <= 31:
                return None
            words = language.days(int(day), int(last), language.months[names[name] - 1], before(match, 12))
            return words + (f" {language.month_joint} {language.year(year)}".replace("  ", " ") if year else "")
        return calendar_day(match, day, names[name], year)

    def weekdays(match: re.Match[str]) -> str:
        return f"{language.weekdays[match[1]]} {language.signs['to']} {language.weekdays[match[2]]}"

    day = rf"(\d{{1,2}}){language.day_mark}"
    joint = rf"(?:\s{language.month_joint})?" if language.month_joint else ""
    short_form = (
        r"(\d{1,2})\.\s?(\d{1,2})\.(?!\d|\s?\d{4})" if language.code == "de" else r"(\d{1,2})/(\d{1,2})(?![\w/]|\.\d)"
    )
    return (
        number_rule(
            "date",
            r"(\d{4})-(\d{2})-(\d{2})"
            r"(?:[T ](\d{2}):(\d{2})(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w:-])",
            iso,
            signs="-",
        ),
        number_rule("date", rf"(\d{{1,2}})([./-])\s?(\d{{1,2}})\2\s?(\d{{4}}){_END}", numeric, signs="-/."),
        number_rule("date", rf"(\d{{1,2}})([./])(\d{{1,2}})\2(\d{{2}}){_END}", numeric, signs="/."),
        number_rule("date", short_form, short_date, signs="./"),
        number_rule(
            "date",
            rf"{day}(?:{DASH}(\d{{1,2}}){language.day_mark})?{joint}\s({month}|(?i:{full})\b)"
            rf"(?:{joint}\s(1\d{{3}}|20\d\d)(?![\w]|[.,]\d))?",
            named,
            signs=DIGIT,
        ),
        rule(
            "month",
            rf"(?<=\w\s)({short})\.(?=\s\d{{4}}\b)",
            lambda match: language.months[names[match[1].lower()] - 1],
            signs=".",
        ),
        rule(
            "day_range", rf"(?<![\w.])({weekday})\.?{DASH}({weekday})(?!\w)(?:\.(?=\s[\w(]))?", weekdays, signs=DASHES
        ),
        rule(
            "day",
            rf"(?<![\w.])({weekday})\.(?=,?\s(?:\d|{language.signs['to']}\s|und\s|et\s|y\s|e\s))",
            lambda match: language.weekdays[match[1]],
            signs=".",
        ),
    )
