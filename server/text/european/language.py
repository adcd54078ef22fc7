"""What differs between German, French, Spanish and Italian: the words and forms that the shared grammar asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from server.text.numerals import cardinal


class Noun(NamedTuple):
    """A noun that is counted: one of it, several, and its gender (m, f or n)."""

    one: str
    many: str
    gender: str = "m"


class CurrencyNouns(NamedTuple):
    """The nouns of a currency and of its hundredth."""

    unit: Noun
    cent: Noun


class Scale(NamedTuple):
    """A power of ten in words: "Million", and whether "of" follows it, as in "un million d'euros"."""

    noun: Noun
    linked: bool = False


class Date(NamedTuple):
    """A day that is read, and the words before it, which decide its ending in German."""

    day: int
    month: str
    year: str
    preceding: str


class Ruler(NamedTuple):
    """A name with a numeral, "Louis XIV", and the words before it."""

    name: str
    number: int
    preceding: str


@dataclass(frozen=True, slots=True)
class Language:
    """The words of a language, by the kind of written form that needs them."""

    code: str
    signs: Mapping[str, str]
    """How signs are said: "-" minus, "to" between the ends of a range, "<", "≤", "²" and the others of its module."""
    marks: Mapping[str, str]
    """How the marks of addresses are said: ".", "/", "@"."""
    domains: frozenset[str]
    """The ends of domains that are said as words, though they have two letters."""
    agree: Callable[[int, str], str | None]
    """Returns a number before a noun of a gender, where it differs from the digits' reading: "une" in French."""
    ordinal: Callable[[int, str], str]
    """Returns an ordinal number in a gender."""
    year: Callable[[str], str]
    date: Callable[[Date], str]
    days: Callable[[int, int, str, str], str]
    """Returns "the 3rd to the 5th of May", from both days, the month and the words before."""
    ruler: Callable[[Ruler], str]
    per: Callable[[Noun], str]
    """Returns "per hour"."""
    of: Callable[[str], str]
    """Returns the noun after a linked scale: "d'euros"."""
    clock: Callable[[int, int], str]
    """Returns a time of day from hour and minute."""
    months: Sequence[str]
    short_months: Mapping[str, int]
    weekdays: Mapping[str, str]
    """Abbreviated weekdays; the dot is optional."""
    currencies: Mapping[str, CurrencyNouns]
    """By sign or code."""
    cents: str
    """The word between the whole part of an amount and its hundredths."""
    scales: Mapping[str, Scale]
    """By what is written: "Mio.", "Millionen"."""
    units: Mapping[str, Noun]
    """By symbol, without prefixes."""
    prefixes: Mapping[str, str]
    square: tuple[str, str, str]
    """What stands before the unit, and what after one and after several: "Quadrat", or "carré" and "carrés"."""
    cubic: tuple[str, str, str]
    fractions: Mapping[int, Noun]
    """By denominator."""
    titles: Mapping[str, str]
    """Abbreviations before a name."""
    before_numbers: Mapping[str, str]
    """Abbreviations before a number, with their dots."""
    anywhere: Mapping[str, str]
    """Abbreviations that end no sentence."""
    ending: Mapping[str, str]
    """Abbreviations whose dot may also end the sentence."""
    letters: frozenset[str]
    """Abbreviations that espeak takes for words."""
    kings: str
    """A pattern of the names of rulers."""
    counted: str
    """A pattern of nouns before a numeral: chapter, volume."""
    date_words: str
    """A pattern of the words before a date without a year: "le 3/05"."""
    clock_words: str
    """A pattern of the words before a time with a dot: "alle 14.30"."""
    trunk: str
    """A pattern of national telephone numbers."""
    day_mark: str = ""
    """A pattern of what follows a day's number: a dot in German."""
    month_joint: str = ""
    """The word between day and month: "de" in Spanish."""
    ordinals: Mapping[str, str] = field(default_factory=dict)
    """Genders by the ending that is written after an ordinal number: "re" f."""

    def counted_number(self, written: str, gender: str) -> str:
        """Returns a number before a noun: "une" for "1", or the digits, which espeak reads right."""
        digits = written.replace(" ", "")
        if not digits.isdecimal() or len(digits) > 6:
            return digits
        return self.agree(int(digits), gender) or digits

    def words(self, number: int, gender: str) -> str:
        """Returns a number before a noun in words."""
        return self.agree(number, gender) or cardinal(number, self.code)
