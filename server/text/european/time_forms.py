"""Times of day: "14:30 Uhr", "14h30", "9–17 Uhr", "14:30 h", "alle 14.30", and durations, "2:05:30"."""

from __future__ import annotations

import re

from server.text.european.language import Language
from server.text.european.measure_forms import units
from server.text.european.number_forms import DASH, before, number_rule
from server.text.rules import Rule

_TIME = r"(\d{1,2})(?:[:.](\d{2}))?"
_SUFFIX = {
    "de": r"\s?(?:Uhr|h)\b", "fr": r"\s?(?:heures?|h)\b", "es": r"\s?(?:horas?|hs?|hrs)\b",
    "it": r"\s?(?:ore|h)\b",
}  # fmt: skip
"""What follows a time and is said within it."""


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of times, which come before those of measures and ranges."""
    suffix = _SUFFIX[language.code]
    clock_word = re.compile(rf"\b(?:{language.clock_words})\s\Z")

    def clock(hour: str, minute: str | None) -> str | None:
        return language.clock(int(hour), int(minute or 0)) if int(hour) <= 24 and int(minute or 0) < 60 else None

    def time(match: re.Match[str]) -> str | None:
        return clock(match[1], match[2])

    def after_word(match: re.Match[str]) -> str | None:
        return clock(match[1], match[2]) if clock_word.search(before(match, 10)) else None

    def times(match: re.Match[str]) -> str | None:
        """Reads "9–17 Uhr", "14:30–16:00"; without a colon or a word for hours it is a range of numbers."""
        if not (match[5] or ":" in match[0]):
            return None
        first, last = clock(match[1], match[2]), clock(match[3], match[4])
        if first is None or last is None:
            return None
        if not match[2]:
            first = match[1]
        return f"{first} {language.signs['to']} {last}"

    def duration(match: re.Match[str]) -> str | None:
        hour, minute, second = map(int, match.groups())
        if minute > 59 or second > 59:
            return None
        parts = zip((hour, minute, second), ("h", "min", "s"), strict=True)
        return " ".join(
            f"{language.counted_number(str(number), noun.gender)} {noun.one if number == 1 else noun.many}"
            for number, noun in ((number, units(language)[unit]) for number, unit in parts)
        )

    written = [
        number_rule("duration", r"(\d{1,2}):(\d{2}):(\d{2})(?![\w:]|[.,]\d)", duration, signs=":"),
        number_rule(
            "time_range", rf"{_TIME}{DASH}{_TIME}({suffix})?(?![\w:%]|[.,]\d)", times, signs="-\u2013\u2014\u2212"
        ),
        number_rule("time", rf"(\d{{1,2}})[:.](\d{{2}}){suffix}(?!\w)", time, signs="hUo"),
        number_rule("time", r"(\d{1,2}):(\d{2})(?![\w:]|[.,]\d|\s\d{3}(?!\d))", time, signs=":"),
        number_rule("time", r"(\d{1,2})\.(\d{2})(?![\w:%]|[.,]\d)", after_word, signs="."),
    ]
    if language.code == "de":
        written.append(number_rule("time", r"(1)()\sUhr\b", time, signs="U"))
    if language.code == "fr":
        written.insert(0, number_rule("time", r"(\d{1,2})\s?h\s?(\d{2})(?!\w)", time, signs="h"))
        written.insert(0, number_rule("time", r"(24|7)\s?[hj]?\s?/\s?(24|7)\s?[hj]?(?!\w)", _always, signs="/"))
    return tuple(written)


def _always(match: re.Match[str]) -> str:
    """Reads the French "24 h/24" and "7j/7"."""
    noun = "heures" if match[1] == "24" else "jours"
    return f"{match[1]} {noun} sur {match[2]}" if match[1] == match[2] else f"{match[1]} sur {match[2]}"
