"""Simple mathematics and signs: "-5", "3 × 5", "x²", "10^6", "a < b", "±5", "~20", "§ 3", "1/2", "2 ½"."""

from __future__ import annotations

import re

from server.text.european.language import Language, Noun
from server.text.european.measure_forms import units
from server.text.european.number_forms import any_of, number_rule
from server.text.rules import Rule, rule

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
VULGAR = {
    "½": (1, 2),
    "⅓": (1, 3),
    "⅔": (2, 3),
    "¼": (1, 4),
    "¾": (3, 4),
    "⅛": (1, 8),
    "⅜": (3, 8),
    "⅝": (5, 8),
    "⅞": (7, 8),
}
_RAISED = r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]{1,4}|\^-?\d{1,3}|\^\(-?\d{1,3}\)"
_ANY_VULGAR = "".join(VULGAR)


def _half(language: Language, part: Noun, measured: Noun | None) -> str:
    """Returns "einhalb", "un demi", "medio", "media"."""
    if language.code == "de":
        return "einhalb"
    feminine = measured is not None and measured.gender == "f"
    if language.code == "fr":
        return f"{'une' if feminine else 'un'} {part.one}"
    return f"{part.one[:-1]}a" if feminine else part.one


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of fractions and signs, which come last but for abbreviations."""
    sign = language.signs

    def power(match: re.Match[str]) -> str:
        exponent = int(match[0].translate(SUPERSCRIPTS).strip("^()"))
        if exponent in {2, 3}:
            return f" {sign['²' if exponent == 2 else '³']}"
        return f" {sign['^']} {sign['-'] + ' ' if exponent < 0 else ''}{abs(exponent)}"

    def fraction(whole: str | None, numerator: int, denominator: int, unit: str | None) -> str | None:
        """Returns "drei Viertel", "media hora", "trois quarts d'heure" or "2 et un demi"."""
        part, measured = language.fractions.get(denominator), units(language).get(unit or "")
        if part is None or not 0 < numerator < denominator:
            return None
        half = _half(language, part, measured) if denominator == 2 else None
        if language.code == "de":
            words = f"{language.words(int(whole), 'n') if whole else ''}{half}" if half else None
            words = words or f"{language.words(numerator, 'n')} {part.one}"
            return words + (f" {measured.many}" if measured else "")
        words = half or f"{language.words(numerator, part.gender)} {part.one if numerator == 1 else part.many}"
        if whole:
            return f"{whole} {measured.many + ' ' if measured else ''}{sign['and']} {words}"
        noun = measured and (measured.one if half else language.of(measured.one))
        return f"{words} {noun}" if noun else words

    def slashed(match: re.Match[str]) -> str | None:
        return fraction(match[1], int(match[2]), int(match[3]), match[4])

    def vulgar(match: re.Match[str]) -> str | None:
        return fraction(match[1], *VULGAR[match[2]], match[3])

    unit = rf"(?:\s(?P<unit>{any_of(units(language))})(?!\w))?"

    def infix(name: str, pattern: str, key: str, signs: str) -> Rule:
        return rule(name, pattern, f" {sign[key]} ", signs=signs)

    return (
        number_rule(
            "fraction", rf"(?:(\d{{1,3}}) )?(\d{{1,2}})[/⁄](\d{{1,3}}){unit}(?![\w/]|[.,]\d)", slashed, signs="/⁄"
        ),
        number_rule("fraction", rf"(?:(\d{{1,3}})\s?)?([{_ANY_VULGAR}]){unit}(?![\w/])", vulgar, signs=_ANY_VULGAR),
        rule("power", rf"(?<=[\w)])(?:{_RAISED})(?![\w⁺⁻])", power, signs="^⁰¹²³⁴⁵⁶⁷⁸⁹⁻"),
        infix("sign", r"(?<=[\w)])\s?±\s?(?=\d)", "±", "±"),
        rule("sign", r"(?:±|\+/-)\s?(?=\d)", f"{sign['±']} ", signs="±+"),
        infix("sign", r"(?<=\d)\s[-\u2013]\s(?=\d{1,9}\b)", "-", "-\u2013"),
        infix("sign", r"(?<=[\w)])\s?\u2212\s?(?=[\w(])", "-", "\u2212"),
        infix("sign", r"(?<=[\w)])\s[-\u2013]\s(?=[\w(]{1,8}\)?\s?=)", "-", "="),
        rule("sign", r"(?<![\w.,)%€$£'’-])[-\u2212](?=\d)", f"{sign['-']} ", signs="-\u2212"),
        infix("sign", r"(?<=\d)\s?[*\u00d7·]\s?(?=\d)", "×", "*\u00d7·"),
        infix("sign", r"(?<=\d)\sx\s(?=\d)", "x", "x"),
        infix("sign", r"(?<=[\w)])\s?\u00d7\s?(?=[\w(])", "×", "\u00d7"),
        infix("sign", r"(?<=[\d)])\s?÷\s?(?=[\d(])", "÷", "÷"),
        infix("sign", r"(?<=\d)\s?[:/]\s?(?=\d{1,9}\s?=)", "÷", "="),
        infix("sign", r"(?<=\d)\s/\s(?=\d{1,9}\b)", "÷", "/"),
        infix("sign", r"(?<=[\w)²³%€$£])\s?=\s?(?=[\w(]|-\d)", "=", "="),
        infix("sign", r"\s?(?:≤|<=)\s?(?=[\w(-])", "≤", "≤<"),
        infix("sign", r"\s?(?:≥|>=)\s?(?=[\w(-])", "≥", "≥>"),
        infix("sign", r"\s?≠\s?(?=[\w(-])", "≠", "≠"),
        infix("sign", r"(?<=[\w)])(?:\s<\s|(?<=\d)<)(?=[\w(-])", "<", "<"),
        infix("sign", r"(?<=[\w)])(?:\s>\s|(?<=\d)>)(?=[\w(-])", ">", ">"),
        rule("sign", r"(?<![\w<])<\s?(?=\d)", f"{sign['less']} ", signs="<"),
        rule("sign", r"(?<![\w>])>\s?(?=\d)", f"{sign['more']} ", signs=">"),
        rule("sign", r"(?<!\w)[~≈∼]\s?(?=\d)", f"{sign['~']} ", signs="~≈∼"),
        infix("sign", r"(?<=[\w)])\s?≈\s?", "≈", "≈"),
        rule("sign", r"√\s?\(?(?=\w)", f"{sign['√']} ", signs="√"),
        rule("sign", r"§§\s?(?=\d)", f"{sign['§§']} ", signs="§"),
        rule("sign", r"§\s?(?=\d)", f"{sign['§']} ", signs="§"),
        rule("sign", r"(?<=\d)\s?‰", f" {sign['‰']}", signs="‰"),
        infix("sign", r"(?<=\w)\s&\s(?=\w)", "and", "&"),
        rule("sign", r"(?<![\w#])#\s?(?=\d)", f"{sign['#']} ", signs="#"),
    )
