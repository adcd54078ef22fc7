"""Chemical formulas: "CO2", "H₂SO₄", "C6H12O6", "Ca²⁺". Their letters are said one by one."""

from __future__ import annotations

import re

from server.text.english.figures import spelled
from server.text.rules import Rule, rule

ELEMENTS = (
    "Ag Al Ar As Au B Ba Be Bi Br C Ca Cd Cl Co Cr Cs Cu F Fe Ga Ge H He Hg I K Kr Li Mg Mn N Na Ne Ni O P Pb Pt Rb S"
    " Sb Sc Se Si Sn Sr Te Ti U V Xe Y Zn Zr"
)
_ELEMENT = "|".join(sorted(ELEMENTS.split(), key=len, reverse=True))
WATER_LIKE = frozenset({"H2O", "N2O", "K2O", "D2O", "H2S"})
"""Formulas that look like a word with a digit for "to"; "B2B" is none."""
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_PIECE = re.compile(rf"({_ELEMENT})|(\d+)")
CHARGES = {"⁺": " plus", "⁻": " minus", "²⁺": " 2 plus", "³⁺": " 3 plus", "²⁻": " 2 minus", "": ""}


def _formula(match: re.Match[str]) -> str | None:
    """Reads a formula: two elements and a number, or a subscript, or a charge; "F16" and "B2B" are none."""
    written = match["formula"].translate(SUBSCRIPTS)
    if written == match["formula"] and not match["charge"] and not _is_formula(written):
        return None
    pieces = (spelled(element.upper()) or other for element, other in _PIECE.findall(written))
    return " ".join(pieces) + CHARGES[match["charge"] or ""]


def _is_formula(written: str) -> bool:
    if len(re.findall(_ELEMENT, written)) < 2 or not re.search(r"\d", written):
        return False
    return written in WATER_LIKE or not re.search(r"[A-Z]\d[A-Z]\Z", written)


RULES: tuple[Rule, ...] = (
    rule(
        "formula",
        rf"(?<![\w.-])(?P<formula>(?:(?:{_ELEMENT}|\((?:{_ELEMENT}|\d){{1,4}}\))[\d₀-₉]{{0,2}}){{1,8}})"
        r"(?P<charge>[²³]?[⁺⁻])?(?![\w⁺⁻-])",
        _formula,
        signs="0₀₁₂₃₄₅₆₇₈₉⁺⁻",
    ),
)
