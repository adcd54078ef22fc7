"""Times of day and durations: "10:00 am", "5-7 p.m.", "9:30–17:00", "1:59 pm EST", "2:05:30", "0600 hours", "3:16"."""

from __future__ import annotations

import re

from server.text.english.figures import DASH, before, ends_sentence, number_rule, spelled
from server.text.rules import Rule, rule

HALF = r"[aApP]\.?[mM]\b\.?"
ZONE = r"(?:[ECMP][SD]?T|GMT|UTC|BST|CES?T|IST|JST|AE[SD]T|[ecmp][sd]t|[ecmp]\.[sd]\.t\b\.?)"
BOOKS = (
    "Genesis|Exodus|Leviticus|Numbers|Deuteronomy|Joshua|Judges|Ruth|Samuel|Kings|Chronicles|Ezra|Nehemiah|Esther|Job"
    "|Psalms?|Proverbs|Ecclesiastes|Isaiah|Jeremiah|Ezekiel|Daniel|Hosea|Joel|Amos|Micah|Zechariah|Malachi|Matthew|Mark"
    "|Luke|John|Acts|Romans|Corinthians|Galatians|Ephesians|Philippians|Colossians|Thessalonians|Timothy|Titus|Hebrews"
    "|James|Peter|Jude|Revelation|Surah|Quran"
)


def clock(hour: str, minute: str | None, half: str | None) -> str | None:
    """Returns "10 A.M", "3 oh 5", "9 o'clock" or "17 30"; None for what is no time."""
    number = int(hour)
    if number > 24 or int(minute or 0) > 59 or (half and not 1 <= number <= 12):
        return None
    suffix = f" {half[0].upper()}.M" if half else ""
    if minute is None:
        return f"{number}{suffix}"
    if minute == "00":
        hours = " o'clock" if 1 <= number <= 12 else " hundred hours"
        return f"{number}{suffix or hours}"
    return f"{number} {'oh ' + minute[1] if minute[0] == '0' else minute}{suffix}"


def _zone(written: str | None) -> str:
    return f" {spelled(written.replace('.', '').upper())}" if written else ""


def _last_dot(match: re.Match[str]) -> str:
    """Returns the dot of "p.m." at the end of the sentence; inside it, espeak would end one there."""
    return "." if match[0].endswith(".") and ends_sentence(match) else ""


def _time(match: re.Match[str]) -> str | None:
    words = clock(match["hour"], match["minute"], match["half"])
    return words and words + _zone(match["zone"]) + _last_dot(match)


def _time_range(match: re.Match[str]) -> str | None:
    """Reads "5-7 p.m." and "9:30-10:30"; without a colon or a.m. it is a range of numbers."""
    if not any(match[name] for name in ("minute", "half", "minute2", "half2")):
        return None
    if re.search(r"\d\.\d", match[0]) and not match["half2"]:
        return None
    first = clock(match["hour"], match["minute"], match["half"])
    last = clock(match["hour2"], match["minute2"], match["half2"])
    if first is None or last is None or (match["half2"] and not match["half"] and int(match["hour"]) > 12):
        return None
    return f"{first} to {last}{_zone(match['zone'])}{_last_dot(match)}"


def _duration(match: re.Match[str]) -> str | None:
    """Reads "2:05:30" as hours, minutes and seconds: right for a marathon's time and for a time of day."""
    hour, minute, second = int(match[1]), int(match[2]), int(match[3])
    if minute > 59 or second > 59:
        return None
    parts = [_count(hour, "hour"), _count(minute, "minute"), f"and {_count(second, 'second')}"]
    half = f" {match[4][0].upper()}.M" if match[4] else ""
    return " ".join(parts) + half + _zone(match[5]) + _last_dot(match)


def _minutes(match: re.Match[str]) -> str:
    """Reads "2:30 min" and "1:45 h"."""
    whole, part = ("minute", "second") if match[3] == "min" else ("hour", "minute")
    words = _count(int(match[1]), whole)
    return words if match[2] == "00" else f"{words} {_count(int(match[2]), part)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _military(match: re.Match[str]) -> str:
    hour = f"oh {match[1][1]}" if match[1][0] == "0" else match[1]
    return f"{hour} {'hundred' if match[2] == '00' else match[2]}"


SHORT_BOOKS = {
    "Gen": "Genesis", "Ex": "Exodus", "Lev": "Leviticus", "Num": "Numbers", "Deut": "Deuteronomy", "Josh": "Joshua",
    "Ps": "Psalm", "Prov": "Proverbs", "Isa": "Isaiah", "Jer": "Jeremiah", "Matt": "Matthew", "Rom": "Romans",
    "Cor": "Corinthians", "Gal": "Galatians", "Eph": "Ephesians", "Phil": "Philippians", "Thess": "Thessalonians",
    "Tim": "Timothy", "Heb": "Hebrews", "Pet": "Peter", "Rev": "Revelation",
}  # fmt: skip
_BOOK = re.compile(rf"\b(?:{BOOKS}|(?:{'|'.join(SHORT_BOOKS)})\.?)\s\Z")


def _verse(match: re.Match[str]) -> str | None:
    if not _BOOK.search(before(match, 16)):
        return None
    return f"{match[1]} {match[2]}" + (f" to {match[3]}" if match[3] else "")


def _ratio(match: re.Match[str]) -> str | None:
    """Reads "2:1", and "3:45" only where a ratio, odds or a scale are named."""
    named = re.search(r"\b(?:ratio|odds|scale)\s(?:of|is|was)?\s?\Z", before(match, 14))
    return f"{match[1]} to {match[2]}" if named or len(match[2]) != 2 else None


_CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?"
_RANGED = r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?"
_RANGED2 = r"(?P<hour2>\d{1,2})(?:[:.](?P<minute2>\d{2}))?"
_ZONED = rf"(?:\s?(?P<zone>{ZONE})(?!\w))?"

RULES: tuple[Rule, ...] = (
    rule("verse", rf"\b({'|'.join(SHORT_BOOKS)})\.(?=\s\d{{1,3}}:\d)", lambda match: SHORT_BOOKS[match[1]], signs=":"),
    number_rule("verse", rf"(\d{{1,3}}):(\d{{1,3}})(?:{DASH}(\d{{1,3}}))?(?![\w:]|\s?[ap]\.?m)", _verse, signs=":"),
    number_rule(
        "duration",
        rf"(\d{{1,2}}):(\d{{2}}):(\d{{2}})(?:\s?({HALF}))?(?:\s?({ZONE}))?(?![\w:]|\.\d)",
        _duration,
        signs=":",
    ),
    number_rule(
        "duration",
        r"(\d{1,3}):([0-5]\d)\s?(min|h)(?:utes|ours|s|rs?)?\b(?:\.(?=\s[a-z(]|[),;:]))?",
        _minutes,
        signs=":",
    ),
    number_rule(
        "time_range",
        rf"{_RANGED}(?:\s?(?P<half>{HALF}))?{DASH}{_RANGED2}(?:\s?(?P<half2>{HALF}))?{_ZONED}(?![\w:%]|\.\d)",
        _time_range,
        signs="-\u2013\u2014\u2212",
    ),
    rule("time", rf"(?<![\w.:/$€£-]){_CLOCK}(?:\s?(?P<half>{HALF}){_ZONED})(?![\w:])", _time, signs="mM"),
    number_rule(
        "time",
        rf"(?P<hour>\d{{1,2}})\.(?P<minute>\d{{2}})\s?(?P<half>{HALF}){_ZONED}(?![\w:])",
        _time,
        signs="mM",
    ),
    number_rule(
        "time", rf"(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?P<half>){_ZONED}(?![\w:]|\.\d|,\d{{3}})", _time, signs=":"
    ),
    number_rule(
        "time", r"(0\d|1\d|2[0-4])([0-5]\d)(?=\s(?:hours|hrs)\b)(?:(?<=[03]0)|(?<=0\d\d\d))", _military, signs="h"
    ),
    number_rule("ratio", r"(\d{1,4}):(\d{1,3}(?:,\d{3}){1,3}|\d{1,6})(?![\w:]|[.,]\d)", _ratio, signs=":"),
)
