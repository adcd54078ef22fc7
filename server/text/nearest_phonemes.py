"""Replaces phonemes that a voice can't make by the nearest that it can: the German ç by ʃ for an English voice."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Mapping, Sequence

from server.text import ipa

ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN = "en", "de", "fr", "es", "it"
INVENTORIES: Mapping[str, frozenset[str]] = {
    ENGLISH: frozenset("abdefhijklmnopstuvwzæðŋɐɑɒɔəɚɛɜɡɪɬɹɾʃʊʌʒʔθᵻ") | {"n\u0329", "l\u0329"},
    GERMAN: frozenset("abdefhijklmnoprstuvxyzçøŋœɐɑɔəɛɜɡɪɾʃʊʏʒ"),
    FRENCH: frozenset("abdefijklmnopstuvwyzøŋœɑɔəɛɡɲʁʃʒ") | {"ɑ\u0303", "ɛ\u0303", "ɔ\u0303", "œ\u0303"},
    SPANISH: frozenset("abdefijklmnoprstuwxðŋɛɡɣɪɲɾʃʊʎʝβθ"),
    ITALIAN: frozenset("abdefijklmnoprstuvwzŋɔɛɡɪɲɾʃʊʎʒ"),
}
"""The letters that espeak-ng makes of a language. A model was trained with no other: its table has symbols of all
languages, but those that it never heard sound like anything."""
NEAREST: Mapping[str, tuple[str, ...]] = {
    # consonants
    "r": ("ɹ", "ɾ", "ʁ"), "ɹ": ("r", "ʁ", "ɾ"), "ʁ": ("r", "ɹ", "ɾ"), "ʀ": ("ʁ", "r", "ɹ"), "ɾ": ("r", "ɹ", "ʁ"),
    "ɻ": ("ɹ", "r", "ʁ"), "ɽ": ("ɾ", "r", "ɹ", "ʁ"), "ç": ("x", "ʃ"), "χ": ("x", "k"), "ɣ": ("ɡ",), "β": ("b", "v"),
    "v": ("β", "b"), "ʋ": ("v", "w"), "w": ("v", "u"), "ʍ": ("w", "v", "u"), "ɲ": ("nj",), "ʎ": ("lj",),
    "ʝ": ("j",), "ɟ": ("dj",), "c": ("tj", "k"), "θ": ("s", "t"), "ð": ("d",), "z": ("s",), "ʒ": ("ʃ", "z"),
    "ʃ": ("s",), "ɕ": ("ʃ",), "ʑ": ("ʒ", "ʃ"), "ʂ": ("ʃ",), "ʐ": ("ʒ", "ʃ"), "ŋ": ("n",), "ɳ": ("n",), "ɱ": ("m",),
    "ɴ": ("ŋ", "n"), "ɭ": ("l",), "ɫ": ("l",), "ɬ": ("l",), "ɮ": ("l",), "ʈ": ("t",), "ɖ": ("d",), "q": ("k",),
    "ɢ": ("ɡ",), "ɸ": ("f",), "h": ("x", ""), "ɦ": ("h", "x", ""), "ħ": ("h", "x", ""), "ʕ": ("ʔ", ""), "ʔ": ("",),
    "ɓ": ("b",), "ɗ": ("d",), "ɠ": ("ɡ",), "ɥ": ("j",), "ɰ": ("w", "u"),
    # vowels
    "y": ("u",), "ʏ": ("ʊ", "u"), "ø": ("ɜ", "œ", "e"), "œ": ("ɜ", "ø", "ɛ"), "ɵ": ("œ", "ʌ", "ə", "o"),
    "ɶ": ("œ", "ɜ", "ɛ"), "ɜ": ("œ", "ə", "ɛ"), "ɝ": ("ɜɹ", "œ", "ɛr"), "ɚ": ("ɐ", "əʁ", "er"), "ɞ": ("ɜ", "œ", "ɛ"),
    "ə": ("e",), "ɘ": ("ə", "e"), "ɐ": ("a",), "ʌ": ("a",), "a": ("ɑ",), "ɑ": ("a",), "ɒ": ("ɔ", "ɑ", "a"),
    "ɔ": ("o",), "o": ("ɔ",), "e": ("ɛ",), "ɛ": ("e",), "æ": ("ɛ", "a"), "ɪ": ("i",), "i": ("ɪ",), "ʊ": ("u",),
    "u": ("ʊ",), "ɨ": ("ɪ", "i"), "ᵻ": ("ɪ", "i"), "ɯ": ("u", "ʊ"), "ʉ": ("u", "ʊ"), "ɤ": ("ʌ", "ɔ", "o"),
}  # fmt: skip
"""What comes nearest to a letter, the best first; an empty string means that it is left out, as people do."""
VELAR = "x"
"""The sound of "Bach" and "Juan": English has h for it before a vowel, and k elsewhere."""
BEFORE_VOWELS = ipa.VOWELS | frozenset("wjˈˌ")
NASAL = "\u0303"


def adapted(symbols: Sequence[str], voice: str) -> list[str]:
    """Returns phonemes of another language with those of the language of an espeak-ng voice; all of them if its
    inventory is not known."""
    inventory = INVENTORIES.get(voice.partition("-")[0])
    if inventory is None:
        return list(symbols)
    return [symbol for unit in nearest(_units(symbols), inventory) for symbol in unicodedata.normalize("NFD", unit)]


def nearest(symbols: Sequence[str], known: Container[str]) -> list[str]:
    """Returns symbols (decomposed IPA) with what is known in place of each letter that is not.

    A letter without anything near stays, and so do all marks.
    """
    replaced: list[str] = []
    for place, symbol in enumerate(symbols):
        if symbol in known or not _is_letter(symbol):
            replaced.append(symbol)
        else:
            replaced += _substitute(symbol, symbols[place + 1 : place + 2], known)
    return replaced


def missing(phonemes: str, known: Container[str]) -> list[str]:
    """Returns the letters of IPA for which nothing near is known, each once: a voice leaves them out."""
    left = nearest(_units(phonemes), known)
    return [letter for letter in dict.fromkeys(left) if not _can_make(letter, known) and _is_letter(letter)]


def _can_make(letter: str, known: Container[str]) -> bool:
    return letter in known or unicodedata.normalize("NFD", letter)[0] in known


def _is_letter(symbol: str) -> bool:
    return unicodedata.normalize("NFD", symbol)[0] in ipa.LETTERS


def _units(symbols: Sequence[str]) -> list[str]:
    """Joins combining marks with their letters, composed where Unicode has a character."""
    units: list[str] = []
    for symbol in symbols:
        if units and unicodedata.combining(symbol):
            units[-1] = unicodedata.normalize("NFC", units[-1] + symbol)
        else:
            units.append(symbol)
    return units


def _substitute(symbol: str, following: Sequence[str], known: Container[str]) -> list[str]:
    if symbol == VELAR:
        sound = "hk" if following and following[0][0] in BEFORE_VOWELS else "kh"
        return next(([each] for each in sound if each in known), [symbol])
    decomposed = unicodedata.normalize("NFD", symbol)
    letter, marks = decomposed[0], decomposed[1:]
    if marks and symbol not in NEAREST:
        end = ["n"] if NASAL in marks and "n" in known else []
        return [*([letter] if letter in known else _substitute(letter, following, known)), *end]
    return next((list(each) for each in NEAREST.get(symbol, ()) if all(part in known for part in each)), [symbol])
