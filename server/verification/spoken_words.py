"""The words of a text as they are spoken, so that texts which sound alike or mean the same are equal."""

from __future__ import annotations

import re

from server.text.numerals import cardinal
from server.text.reading import read_text, read_utterance
from server.utterance import Utterance

SIGNS = {
    "$": "dollar", "%": "percent", "#": "hash", "@": "at", "/": "slash", "=": "equals", "&": "and", "+": "plus",
    "€": "euro", "£": "pound", "¥": "yen", "₩": "won", "*": "asterisk",
}  # fmt: skip
"""How espeak names the signs that our rules leave. It says nothing for others, such as < and _."""
MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
ORDINAL = r"(?:(?:twenty|thirty) )?(?:first|second|third|\w+th)"
MOST_DIGITS = 36
"""The most digits of a number that is read as one; of a longer one each digit is read."""


def spoken_words(text: str, language: str = "en") -> list[str]:
    """Returns the words of a text as the server reads it: "5" and "five" are the same word.

    ``text`` is what a recogniser has heard, or a text without markup.
    """
    return plainly(" ".join(sentence.text for sentence in read_text(text, language))).split()


def utterance_words(utterance: Utterance) -> list[str]:
    """Returns the words that an utterance is spoken with, in the order in which they are spoken."""
    return plainly(read_utterance(utterance).text).split()


def number(match: re.Match[str]) -> str:
    """Returns the words of a number as espeak reads it: zeros at its beginning and digits after the point one by
    one."""
    whole, _, fraction = match[0].replace(",", "").partition(".")
    one_by_one = len(whole) > MOST_DIGITS or (len(whole) > 1 and whole[0] == "0")
    words = " ".join(cardinal(int(digit)) for digit in whole) if one_by_one else cardinal(int(whole))
    return f" {words} " + (f"point {' '.join(cardinal(int(digit)) for digit in fraction)} " if fraction else "")


def plainly(text: str) -> str:
    """Returns a text that the server has read, in the words that are compared."""
    text = re.sub(r"\b([ap])\.m\b\.?", r"\1m", text.lower())
    text = re.sub(r"\b(?:[a-z]\.)+[a-z]\b", lambda match: match[0].replace(".", ""), text)
    text = re.sub(r"\b(?:[a-z] )+[a-z]\b", lambda match: match[0].replace(" ", ""), text)
    text = re.sub(r"(?<=\d)\.(?=\D|$)", " ", text)
    text = re.sub(r"(?<![\da-z])[-\u2212](?=\d)", " minus ", text)
    text = NUMBER.sub(number, text)
    for sign, name in SIGNS.items():
        text = text.replace(sign, f" {name} ")
    text = re.sub(r"['\u2019]s\b", "s", text)
    words = re.sub(r"[^\w\s]|_", " ", text).split()
    same = {"negative": "minus", "oh": "zero"}
    text = " ".join(same.get(word, word) for word in words if word != "and")
    text = re.sub(r"\b(?:[a-z] )+[a-z]\b", lambda match: match[0].replace(" ", ""), text)
    text = re.sub(rf"(?:\bthe )?\b({ORDINAL}) of ({MONTHS})", r"\2 \1", text)
    return re.sub(rf"\bthe ({ORDINAL})\b", r"\1", text)
