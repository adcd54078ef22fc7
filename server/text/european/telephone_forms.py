"""Numbers that are no quantities: telephone numbers, addresses of the internet, versions, accounts, long numbers."""

from __future__ import annotations

import re

from server.text.european.language import Language
from server.text.european.number_forms import AFTER, before, number_rule, spaced
from server.text.rules import DIGIT, Rule, rule

_NAMED = re.compile(
    r"(?:\b(?:[Tt]el|[Tt]él|[Ff]ax|PIN|[Cc]ode|[Cc]odice|[Cc]ódigo|[Tt]elefonnummer|[Tt]elefon|[Tt]éléphone|[Tt]eléfono"
    r"|[Tt]elefono|[Kk]ontonummer|BLZ|[Mm]óvil|[Pp]ortable|[Cc]ellulare|[Kk]undennummer|CAP|PLZ|CP|C\. P)\b\.?"
    r"(?: unter| au| al| ist| est| es| è| número| numero| numéro)?:?)\s\Z"
)


def _groups(written: str) -> str:
    """Returns the digits one by one, with a pause between groups."""
    return ", ".join(spaced(group) for group in re.findall(r"\d+", written))


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of numbers that are read digit by digit; the French read their numbers in pairs."""

    def international(match: re.Match[str]) -> str | None:
        if not 7 <= sum(map(str.isdigit, match[0])) <= 15:
            return None
        return f"{language.signs['+']} {_groups(match[0])}"

    def national(match: re.Match[str]) -> str | None:
        if not 6 <= sum(map(str.isdigit, match[0])) <= 15:
            return None
        return ", ".join(re.findall(r"\d\d", match[0])) if language.code == "fr" else _groups(match[0])

    def named(match: re.Match[str]) -> str | None:
        return _groups(match[0]) if _NAMED.search(before(match, 28)) else None

    def ip_address(match: re.Match[str]) -> str | None:
        point = language.marks["."]
        return f" {point} ".join(match.groups()) if all(int(group) < 256 for group in match.groups()) else None

    def named_version(match: re.Match[str]) -> str | None:
        named = re.search(r"\b[Vv]ersi(?:on|ón|one)\s\Z", before(match, 10))
        return _version(match, language.marks["."]) if named else None

    return (
        number_rule("ip_address", r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?!\w|\.\w)", ip_address, signs="."),
        rule(
            "telephone",
            r"(?<![\w+])\+\d{1,3}(?:[ ./-]?(?:\(\d{1,5}\)|\d{1,6})){1,6}(?!\w|[.,]\d)",
            international,
            signs="+",
        ),
        rule("telephone", rf"(?<![\w.,/+-])(?:{language.trunk})(?!\w|[.,/-]\d)", national, signs=DIGIT),
        number_rule("telephone", rf"\d{{3,12}}(?:[ -]\d{{2,6}}){{0,5}}{AFTER}", named, signs=DIGIT),
        rule("iban", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,4})?\b", lambda match: _account(match[0])),
        rule(
            "version",
            r"\b[vV](\d{1,3}(?:\.\d{1,4}){1,3})(?!\w|[.,]\d)",
            lambda match: _version(match, language.marks["."]),
            signs="vV",
        ),
        number_rule("version", r"(\d{1,3}(?:\.\d{1,4}){1,3})(?!\w|[.,]\d)", named_version, signs="."),
        rule("digits", r"(?<![\w.,$€£¥/-])\d{10,24}(?!\w|[.,]\d)", lambda match: spaced(match[0]), signs=DIGIT),
    )


def _version(match: re.Match[str], point: str) -> str:
    letter = "V " if match[0][0] in "vV" else ""
    return letter + f" {point} ".join(match[1].split("."))


def _account(written: str) -> str:
    """Reads an account in groups of four."""
    compact = written.replace(" ", "")
    return ", ".join(spaced(compact[start : start + 4]) for start in range(0, len(compact), 4))
