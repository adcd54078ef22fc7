"""Units of measure, made from a language's words for the prefixes and for the units without one."""

from __future__ import annotations

from server.text.european.language import Language, Noun

PREFIXES = {
    "m": "k d c m µ n", "g": "k m µ n", "l": "h d c m µ", "L": "d c m µ", "s": "m µ n", "W": "k M G T m",
    "Wh": "k M G T", "V": "k m", "A": "m", "Ah": "m", "Hz": "k M G T", "Pa": "k h M", "J": "k M", "cal": "k",
    "B": "k K M G T P", "o": "k M G T", "bit": "k M G", "N": "k", "Ω": "k M", "bar": "m", "mol": "m", "eV": "k M G",
}  # fmt: skip
"""The prefixes that people write before a unit."""
PREFIXED_ONLY = frozenset({"A", "B", "J", "N", "bar", "bit", "eV", "o"})
"""Units that without a prefix may be a word or a letter."""
LENGTHS = ("km", "m", "cm", "mm", "dm")


def units_of(language: Language) -> dict[str, Noun]:
    """Returns the language's units by symbol: "km", "km²", "GHz"."""
    found: dict[str, Noun] = {}
    for symbol, noun in language.units.items():
        if symbol not in PREFIXED_ONLY:
            found[symbol] = noun
        for prefix in PREFIXES.get(symbol, "").split():
            found.setdefault(prefix + symbol, _prefixed(language, prefix, noun))
    for power, (head, one, many) in {"²": language.square, "³": language.cubic}.items():
        for symbol in LENGTHS:
            noun = found[symbol]
            spoken = [f"{head}{word.lower() if head else word}" for word in (noun.one, noun.many)]
            powered = Noun(spoken[0] + one, spoken[1] + many, noun.gender)
            for mark in (power, {"²": "2", "³": "3"}[power], {"²": "^2", "³": "^3"}[power]):
                found[symbol + mark] = powered
    found |= {"º" + symbol[1:]: noun for symbol, noun in found.items() if symbol in {"°C", "°F"}}
    found |= {"° " + symbol[1:]: noun for symbol, noun in found.items() if symbol in {"°C", "°F"}}
    return found | {symbol.replace("µ", "μ"): noun for symbol, noun in found.items() if "µ" in symbol}


def _prefixed(language: Language, prefix: str, noun: Noun) -> Noun:
    """Returns "Kilometer"; in Spanish "kilómetro", whose stress moves."""
    word = language.prefixes["k" if prefix == "K" else prefix]
    if language.code == "es" and noun.one == "metro":
        word = word[:-1] + {"o": "ó", "i": "í"}[word[-1]]
    return Noun(word + noun.one.lower(), word + noun.many.lower(), noun.gender)
