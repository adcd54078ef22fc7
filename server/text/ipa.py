"""Phonemes as clients write them: the International Phonetic Alphabet, brought to the form that the voices know."""

from __future__ import annotations

import re
import unicodedata

LETTERS = frozenset(
    "abcdefhijklmnopqrstuvwxyzæðøħŋœɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɠɡɢɣɤɥɦɧɨɪɫɬɭɮɯɰɱɲɳɴɵɶɸɹɺɻɽɾʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʕʘʙʛʜʝʟʡʢβθχᵻⱱǀǁǂǃ"
)
VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɞɤɨɪɯɵɶʉʊʌʏᵻ")
VOICELESS = frozenset("cfhkpqstxħɕɸʂʃʈθχʔ")
SIBILANTS = frozenset("szʃʒʂʐɕʑ")
MARKS = frozenset("ˈˌːˑ˞ʰʲˤ ") | frozenset("\u0303\u0327\u0329\u032a\u032f")
"""Stress, length and other modifiers, and the space between words."""
SYMBOLS = LETTERS | MARKS
_SPELLINGS = {
    "g": "ɡ", "ɝ": "ɜː", "ʧ": "tʃ", "ʤ": "dʒ", "ʦ": "ts", "ʣ": "dz", "ʨ": "tɕ", "ʥ": "dʑ", "ɿ": "ɨ",
    ":": "ː", "'": "ˈ", "\u2019": "ˈ",
    # A syllable's or a link's mark and ties have no sound of their own.
    ".": "", "\u0361": "", "\u035c": "", "\u203f": "",
}  # fmt: skip
_STRESSED_ONSET = re.compile(rf"([ˈˌ])([^{''.join(sorted(VOWELS))} ˈˌ]{{1,8}})(?=[{''.join(sorted(VOWELS))}])")
_AROUND = re.compile(r"\s*[/\[]?(.*?)[/\]]?\s*", re.DOTALL)


def normalize(written: str) -> str:
    """Returns IPA in decomposed form (NFD) with the voices' symbols: without the slashes or brackets around it, with
    two letters for a ligature, and with stress marks before the vowel, as espeak-ng writes them: wˈʊstə."""
    match = _AROUND.fullmatch(written)
    inside = match[1] if match else written
    composed = unicodedata.normalize("NFC", inside)
    respelled = "".join(_SPELLINGS.get(character, character) for character in composed)
    symbols = unicodedata.normalize("NFD", respelled)
    spaced = " ".join("".join(_SPELLINGS.get(symbol, symbol) for symbol in symbols).split())
    return _STRESSED_ONSET.sub(r"\2\1", spaced)


def unknown_symbol(phonemes: str) -> str | None:
    """Returns the first character of normalised IPA that is not a symbol; None if all are."""
    return next((symbol for symbol in phonemes if symbol not in SYMBOLS), None)


def has_sound(phonemes: str) -> bool:
    """Whether there is a letter among the symbols."""
    return not LETTERS.isdisjoint(phonemes)


def begins_with_vowel(phonemes: str) -> bool:
    """Whether the first letter is a vowel."""
    return next((symbol in VOWELS for symbol in phonemes if symbol in LETTERS), False)


def last_letter(phonemes: str) -> str:
    """Returns the last letter; empty if there is none."""
    return next((symbol for symbol in reversed(phonemes) if symbol in LETTERS), "")


def named(symbol: str) -> str:
    """Returns a symbol's code point, such as U+0021, since an error repeats nothing that a client wrote."""
    return f"U+{ord(symbol):04X}"
