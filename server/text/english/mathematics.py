"""Simple mathematics and signs: "2 × 3", "x² + 1", "10^6", "a < b", "±5", "~20", "#5", "C#", "§ 3"."""

from __future__ import annotations

import re

from server.text.english.figures import before, spelled
from server.text.numerals import ordinal
from server.text.rules import Rule, rule

_PREPOSITION = re.compile(r"\b(?:with|at|of|for|in|by|to|from|if|than|and|or|on|has|have|takes?)\Z")
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_RAISED = r"⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}|\^-?\d{1,3}|\^\(-?\d{1,3}\)"


def _power(match: re.Match[str]) -> str:
    """Reads "squared", "cubed", "to the sixth", "to the minus 3"."""
    exponent = int(match[0].translate(SUPERSCRIPTS).strip("^()"))
    if exponent in {2, 3}:
        return " squared" if exponent == 2 else " cubed"
    return f" to the {ordinal(exponent)}" if exponent > 0 else f" to the minus {-exponent}"


def _scientific(match: re.Match[str]) -> str:
    exponent = int(match[2])
    power = ordinal(exponent) if exponent > 0 else f"minus {-exponent}"
    return f"{match[1]} times 10 to the {power}"


def _compared(match: re.Match[str]) -> str:
    """Reads the sign of "x < 5" as "is less than", that of "with > 5 items" without the verb."""
    words = "less than" if "<" in match[0] else "greater than"
    if _PREPOSITION.search(before(match, 12)):
        return f" {words.replace('greater', 'more')} "
    return f" is {words} "


RULES: tuple[Rule, ...] = (
    rule("scientific", r"(?<![\w.,])(\d{1,3}(?:\.\d{1,6})?)[eE]([+-]?\d{1,3})(?![\w.])", _scientific, signs="eE"),
    rule("power", rf"(?<=[\w)])(?:{_RAISED})(?![\w⁺⁻])", _power, signs="^⁰¹²³⁴⁵⁶⁷⁸⁹⁻"),
    rule("power", r"(?<=\w)\^(?=[A-Za-z]\b)", " to the ", signs="^"),
    rule(
        "sign", r"(?<=[\w)])(?:\s[-\u2212]\s|[-\u2212]\s|(?<=\d)[-\u2212])(?=[\w(]{1,8}\)?\s?=)", " minus ", signs="="
    ),
    rule("sign", r"(?<=\d)\s?[*\u00d7]\s?(?=\d)", " times ", signs="*\u00d7"),
    rule("sign", r"(?<=\d)\u00d7(?=\s?[A-Za-z])", " times", signs="\u00d7"),
    rule("sign", r"(?<=[\d)])\s?÷\s?(?=[\d(])", " divided by ", signs="÷"),
    rule("sign", r"(?<=\d)/(?=\d{1,9}\s?=)", " divided by ", signs="="),
    rule("sign", r"(?<=\d)\s/\s(?=\d{1,9}\b)", " divided by ", signs="/"),
    rule("sign", r"(?<=[\w)])(?:\s<\s|(?<=\d)<)(?=[\w(-])", _compared, signs="<"),
    rule("sign", r"(?<=[\w)])(?:\s>\s|(?<=\d)>)(?=[\w(-])", _compared, signs=">"),
    rule(
        "emoticon",
        r"(?<!\S)<3(?=\s(?:you|u|it|this|that|him|her|them|my|the)\b|[!)]|\s?\Z|\s[^\w\s])",
        "heart",
        signs="<",
    ),
    rule("emoticon", r"(?<!\S)[:;=]-?[()DPp|](?![\w(])", "", signs=":;="),
    rule("dash", r"(?<=\w\s)-(?=\s\w)", ",", signs="-"),
    rule("sign", r"(?<![\w<])<\s?(?=\d)", "less than ", signs="<"),
    rule("sign", r"(?<![\w>])>\s?(?=\d)", "more than ", signs=">"),
    rule("sign", r"\s?(?:≤|<=)\s?(?=[\w(])", " less than or equal to ", signs="≤<"),
    rule("sign", r"\s?(?:≥|>=)\s?(?=[\w(])", " greater than or equal to ", signs="≥>"),
    rule("sign", r"(?<!\w)[~≈∼]\s?(?=[\d$€£])", "about ", signs="~≈∼"),
    rule("sign", r"(?<=[\w)])\s?≈\s?", " is about ", signs="≈"),
    rule("sign", r"(?:±|\+/-)\s?(?=\d)", "plus or minus ", signs="±+"),
    rule("sign", r"(?<![\w.)])\u2212\s?(?=\d)", "minus ", signs="\u2212"),
    rule("sign", r"(?<=\()-(?=\d)", "minus ", signs="-"),
    rule("sign", r"(?<=[\w)])\s?→\s?(?=[\w(])", " to ", signs="→"),
    rule("sign", r"\bCopyright\s(?:©|\([cC]\))(?=\s)", "Copyright", signs="C"),
    rule("bar", r"(?<=\S\s)\|(?=\s\S)", ",", signs="|"),
    rule("sign", r"√\s?\(?(?=\w)", "the square root of ", signs="√"),
    rule("sign", r"§§\s?(?=\d)", "sections ", signs="§"),
    rule("sign", r"§\s?(?=\d)", "section ", signs="§"),
    rule("decimal", r"(?<![\w.])\.(\d{1,12})(?![\w.])", lambda match: f"point {spelled(match[1])}", signs="."),
    rule("decimal", r"(?<![\w.])\.(?=\d)", "point ", signs="."),
    rule("sign", r"(?<![\w#])#\s?(?=\d)", "number ", signs="#"),
    rule("sign", r"\b([A-G])#(?!\w)", r"\1 sharp", signs="#"),
)
