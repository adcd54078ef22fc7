"""Chemical formulas: "CO2", "H₂SO₄", "C6H12O6", "Ca²⁺". Their letters are said one by one."""

from __future__ import annotations

import re

from server.text.rules import Rule, rule

ELEMENTS = [
    "H",
    "He",
    "Li",
    "Be",
    "B",
    "C",
    "N",
    "O",
    "F",
    "Ne",
    "Na",
    "Mg",
    "Al",
    "Si",
    "P",
    "S",
    "Cl",
    "Ar",
    "K",
    "Ca",
    "Sc",
    "Ti",
    "V",
    "Cr",
    "Mn",
    "Fe",
    "Co",
    "Ni",
    "Cu",
    "Zn",
    "Ga",
    "Ge",
    "As",
    "Se",
    "Br",
    "Kr",
    "Rb",
    "Sr",
    "Y",
    "Zr",
    "Ag",
    "Cd",
    "Sn",
    "Sb",
    "Te",
    "I",
    "Xe",
    "Cs",
    "Ba",
    "Pt",
    "Au",
    "Hg",
    "Pb",
    "Bi",
    "U",
]
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_ELEMENT = "|".join(sorted(ELEMENTS, key=len, reverse=True))
_PIECE = re.compile(rf"({_ELEMENT})|(\d+)|([()])")
_IONS = {"⁺": " plus", "⁻": " minus", "²⁺": " 2 plus", "³⁺": " 3 plus", "²⁻": " 2 minus", "": ""}


def _formula(match: re.Match[str]) -> str | None:
    """Reads a formula with a number in it, of two elements or with a subscript; "F16" and "B2B" are none."""
    written = match["formula"].translate(SUBSCRIPTS)
    elements = re.findall(_ELEMENT, written)
    subscript = written != match["formula"]
    if (
        not subscript
        and not match["charge"]
        and (
            len(elements) < 2
            or not re.search(r"\d", written)
            or (re.search(r"[A-Z]\d[A-Z]\Z", written) and written not in {"H2O", "N2O", "K2O", "D2O", "H2S"})
        )
    ):
        return None
    spoken = [" ".join(piece[0].upper()) if piece[0] else piece[1] for piece in _PIECE.findall(written)]
    return " ".join(filter(None, spoken)) + _IONS[match["charge"] or ""]


RULES: tuple[Rule, ...] = (
    rule(
        "formula",
        rf"(?<![\w.-])(?P<formula>(?:(?:{_ELEMENT}|\((?:{_ELEMENT}|\d){{1,4}}\))[\d₀-₉]{{0,2}}){{1,8}})"
        r"(?P<charge>[²³]?[⁺⁻])?(?![\w⁺⁻-])",
        _formula,
        signs="0₀₁₂₃₄₅₆₇₈₉⁺⁻",
    ),
)
