"""Numbers that are no quantities: telephone numbers, addresses of the internet, versions, codes, digits after "PIN"."""

from __future__ import annotations

import re

from server.text.english.figures import AFTER, BEFORE, before, number_rule, spelled
from server.text.rules import DIGIT, Rule, rule

_DIALLED = re.compile(r"\b(?:[Cc]all|[Dd]ial|[Pp]hone|[Tt]ext)(?:ed|s|ing|led|ling)?\s\Z")
_NAMED = re.compile(
    r"\b(?:ending (?:in|with)|PIN|pin|code|passcode|OTP|extension|account|reference|ref\.?|ID|serial)"
    r"(?: is| number| no\.)?:?\s\Z"
)


def _groups(written: str) -> str:
    """Returns the digits one by one with a pause between groups; letters stay words, and 800 is "8 hundred"."""
    groups = ["8 hundred" if group == "800" else spelled(group) if group.isdigit() else group
              for group in re.findall(r"\d+|[A-Z]+", written)]  # fmt: skip
    return ", ".join(groups)


def _telephone(match: re.Match[str]) -> str:
    return ("plus " if match[0].startswith("+") else "") + _groups(match[0])


def _extended(match: re.Match[str]) -> str:
    extension = f", extension {spelled(match['extension'])}" if match["extension"] else ""
    number = match[0][: match.start("extension") - match.start()].rstrip("xetn.,: ") if match["extension"] else match[0]
    return ("plus " if number.startswith("+") else "") + _groups(number) + extension


def _international(match: re.Match[str]) -> str | None:
    return _telephone(match) if 7 <= sum(map(str.isdigit, match[0])) <= 15 else None


def _ip_address(match: re.Match[str]) -> str | None:
    if any(int(group) > 999 for group in match.groups()):
        return None
    return " dot ".join(spelled(group) for group in match.groups())


def _version(match: re.Match[str]) -> str:
    words = " point ".join(group for group in match.groups()[:4] if group)
    return ("v " if match[0][0] == "v" else "") + words


def _any_version(match: re.Match[str]) -> str:
    """Reads "1.9.x" and "v2.x"."""
    return ("v " if match[1] else "") + " point ".join((*match[2].split("."), "x"))


def _early_version(match: re.Match[str]) -> str:
    """Reads the "-rc.1" of a version."""
    return f" {'R C' if match[1] == 'rc' else match[1]} {match[2]}"


def _bank_account(match: re.Match[str]) -> str:
    """Reads an IBAN in its groups of four."""
    return ", ".join(" ".join(spelled(run) for run in re.findall(r"[A-Z]+|\d+", group)) for group in match[0].split())


def _dialled(match: re.Match[str]) -> str | None:
    return _groups(match[0]) if _DIALLED.search(before(match, 10)) else None


def _code(match: re.Match[str]) -> str | None:
    is_named = _NAMED.search(before(match, 24)) and len(match[0]) > 3
    return spelled(match[0]) if is_named or before(match, 10) == "area code " else None


def _long(match: re.Match[str]) -> str:
    return spelled(match[0])


_EXTENSION = r"(?:,?\s?(?:ext\.?|extension|x)\s?(?P<extension>\d{1,5}))?"
_SEPARATOR = r"[ .\u2011-]"

RULES: tuple[Rule, ...] = (
    rule("digits", r"\b[A-Z]{2}\d\d(?:\s[A-Z0-9]{4}){3,7}(?:\s[A-Z0-9]{1,3})?(?!\w)", _bank_account, signs=DIGIT),
    number_rule("ip_address", r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?!\w|\.\w)", _ip_address, signs="."),
    rule(
        "telephone",
        rf"{BEFORE}(?:\+?\d{{1,2}}{_SEPARATOR}?)?(?:\(\d{{3}}\){_SEPARATOR}{{0,2}}|\d{{3}}{_SEPARATOR})\d{{3}}{_SEPARATOR}"
        rf"\d{{4}}(?:-\d{{1,4}})?{_EXTENSION}{AFTER}",
        _extended,
        signs=DIGIT,
    ),
    rule("version", r"(?<![\w.,])v?(\d{1,3})\.(\d{1,3})\.(\d{1,4})(?:\.(\d{1,5}))?(?!\w|[.,]\d)", _version, signs="."),
    rule("version", r"(?<![\w.,])(v?)(\d{1,3}(?:\.\d{1,4}){0,2})\.x(?![\w.])", _any_version, signs="x"),
    rule("version", r"(?<=\.\d)-(rc|alpha|beta)\.?(\d{1,3})(?![\w.])", _early_version, signs="-"),
    rule("version", r"(?<![\w.,])v(\d{1,3})(?:\.(\d{1,3}))()()(?!\w|[.,]\d)", _version, signs="v"),
    rule(
        "telephone",
        rf"{BEFORE}\+\d{{1,3}}(?:{_SEPARATOR}?(?:\(\d{{1,5}}\)|\d{{1,5}})){{1,5}}{AFTER}",
        _international,
        signs="+",
    ),
    rule(
        "telephone",
        rf"{BEFORE}(?:\(0\d{{2,4}}\)|0\d{{2,4}})(?:{_SEPARATOR}\d{{2,6}}){{1,3}}{AFTER}",
        _international,
        signs=DIGIT,
    ),
    number_rule("telephone", r"1-[89]\d\d(?:-[A-Z0-9]{1,8}){1,4}(?!\w)", _telephone, signs=DIGIT),
    number_rule("telephone", rf"\d{{3}}[.\u2011-](?!\d?\d00\b)\d{{4}}{_EXTENSION}{AFTER}", _extended, signs="-."),
    number_rule("telephone", r"\d{3}(?:-\d{4})?(?!\w|[.,]\d|\s?%)", _dialled, signs=DIGIT),
    number_rule("digits", rf"\d{{5}}-\d{{4}}{AFTER}", _telephone, signs="-"),
    number_rule("digits", rf"\d{{2}}-\d{{7}}{AFTER}", _telephone, signs="-"),
    number_rule("digits", rf"\d{{3}}-\d{{2}}-\d{{4}}{AFTER}", _telephone, signs="-"),
    number_rule("digits", rf"\d{{4}}(?:[ -]\d{{4}}){{2,3}}{AFTER}", _telephone, signs=DIGIT),
    number_rule("digits", r"\d{3,12}(?!\w|[.,]\d|\s?%)", _code, signs=DIGIT),
    rule("digits", r"(?<![\w.,$€£¥₩₹-])\d{10,24}(?!\w|[.,]\d)", _long, signs=DIGIT),
)
