"""Phonemes as a model's vocabulary has them."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable


def compose(symbols: Iterable[str], known: Container[str]) -> list[str]:
    """Joins a mark that the model does not know with its letter, where it knows the two as one.

    espeak gives c and a cedilla; Coqui's vocabulary has them as one, Piper's most marks as symbols of their own.
    """
    composed: list[str] = []
    for symbol in symbols:
        if composed and unicodedata.combining(symbol) and symbol not in known:
            joined = unicodedata.normalize("NFC", composed[-1] + symbol)
            composed[-1] = joined if joined in known else composed[-1]
        else:
            composed.append(symbol)
    return composed
