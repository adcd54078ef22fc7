"""Compares spoken texts leniently: what sounds alike or means the same is the same."""

from __future__ import annotations

import re

from server.text.numerals import cardinal

SIGNS = {
    "$": "dollar", "%": "percent", "#": "hash", "@": "at", "/": "slash", "=": "equals", "&": "and", "+": "plus",
    "€": "euro", "£": "pound", "¥": "yen", "₩": "won", "*": "asterisk",
}  # fmt: skip
"""How espeak names the signs that our rules leave. It says nothing for others, such as < and _."""
MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
ORDINAL = r"(?:(?:twenty|thirty) )?(?:first|second|third|\w+th)"


def number(match: re.Match[str]) -> str:
    """The words of a number as espeak reads it: zeros at its beginning and digits after the point one by one."""
    whole, _, fraction = match[0].replace(",", "").partition(".")
    leading = len(whole) > 1 and whole[0] == "0"
    words = " ".join(cardinal(int(digit)) for digit in whole) if leading else cardinal(int(whole))
    return f" {words} " + (f"point {' '.join(cardinal(int(digit)) for digit in fraction)} " if fraction else "")


def plainly(text: str) -> str:
    """The text in the words that are compared."""
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
