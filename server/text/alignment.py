"""Finds the phonemes of each word in those of its sentence, since a phonemizer returns the sentence as a whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

BAND = 60
"""The maximum offset of the two readings in phonemes; those of a word alone and in its sentence differ by a few."""

Span = tuple[int, int]


def align(sentence: Sequence[str], words: Sequence[Sequence[str]]) -> list[Span]:
    """Returns the span of ``sentence`` in which each of ``words`` is spoken, without marks and spaces around it.

    Each word is given by its phonemes when it is read alone. The spans are in order and don't overlap; the span of a
    word that is not spoken is empty.

    Usually the sentence has as many groups of phonemes between spaces as the words have. But espeak reads "of the" as
    one group and a number as several; then the two readings are aligned with the fewest differences.
    """
    groups = _groups(sentence)
    counts = [len(_groups(word)) for word in words]
    if sum(counts) == len(groups):
        spans: list[Span] = []
        at = 0
        for count in counts:
            inside = groups[at : at + count]
            spans.append((inside[0][0], inside[-1][1]) if inside else _empty(spans))
            at += count
        return spans
    return _side_by_side(sentence, words)


def _side_by_side(sentence: Sequence[str], words: Sequence[Sequence[str]]) -> list[Span]:
    places = [place for place, symbol in enumerate(sentence) if _sounds(symbol)]
    alone = [(number, symbol) for number, word in enumerate(words) for symbol in word if _sounds(symbol)]
    matched = _edit_path([sentence[place] for place in places], [symbol for _, symbol in alone])
    places_by_word: list[list[int]] = [[] for _ in words]
    for place, partner in zip(places, matched, strict=True):
        if partner is not None:
            places_by_word[alone[partner][0]].append(place)
    spans: list[Span] = []
    for places_of_word in places_by_word:
        spans.append((places_of_word[0], places_of_word[-1] + 1) if places_of_word else _empty(spans))
    return spans


def _edit_path(first: Sequence[str], second: Sequence[str]) -> list[int | None]:
    """Returns the index of each symbol's counterpart in ``second``, equal or substituted, or None if it has none.

    The result is the path with the fewest edits within a band around the diagonal, so time and memory grow with the
    length, not with its square.
    """
    rows, columns = len(first), len(second)
    half = min(4 * BAND, BAND + abs(rows - columns) // 4)
    far = rows + columns + 1
    lows = [max(0, min(columns, row * columns // max(1, rows)) - half) for row in range(rows + 1)]
    highs = [min(columns, row * columns // max(1, rows) + half) for row in range(rows + 1)]
    costs = [list(range(highs[0] + 1))]
    for row in range(1, rows + 1):
        above, low, before = costs[-1], lows[row], lows[row - 1]
        line: list[int] = []
        for column in range(low, highs[row] + 1):
            up = above[column - before] if 0 <= column - before < len(above) else far
            slant = above[column - before - 1] if 0 < column - before <= len(above) else far
            changed = slant + (column == 0 or first[row - 1] != second[column - 1])
            previous = line[-1] if line else far
            line.append(min(changed, up + 1, previous + 1))
        costs.append(line)
    partners: list[int | None] = [None] * rows
    row, column = rows, columns
    while row and column:
        cost = costs[row][column - lows[row]]
        slant = _at(costs, lows, row - 1, column - 1, far)
        if cost == slant + (first[row - 1] != second[column - 1]):
            partners[row - 1] = column - 1
            row, column = row - 1, column - 1
        elif cost == _at(costs, lows, row - 1, column, far) + 1:
            row -= 1
        else:
            column -= 1
    return partners


def _at(costs: list[list[int]], lows: list[int], row: int, column: int, far: int) -> int:
    place = column - lows[row]
    return costs[row][place] if 0 <= place < len(costs[row]) else far


def _groups(symbols: Sequence[str]) -> list[Span]:
    """Returns the spans between spaces that are spoken, without the marks around them."""
    groups: list[Span] = []
    start: int | None = None
    end = 0
    for place, symbol in enumerate(symbols):
        if symbol.isspace():
            if start is not None:
                groups.append((start, end))
            start = None
        elif _sounds(symbol):
            start, end = place if start is None else start, place + 1
    if start is not None:
        groups.append((start, end))
    return groups


def _sounds(symbol: str) -> bool:
    """Whether a symbol is a letter, or modifies one: stress, length and combining marks."""
    return unicodedata.category(symbol[0])[0] in "LNMS"


def _empty(spans: Sequence[Span]) -> Span:
    end = spans[-1][1] if spans else 0
    return end, end
