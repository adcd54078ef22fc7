"""Finds the phonemes of each word in those of its sentence, since a phonemizer returns the sentence as a whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

SECTION = 6
"""The maximum number of groups that are aligned symbol by symbol at a time."""
BAND = 20
"""The maximum offset of the two readings in phonemes; those of a word alone and in its sentence differ by a few."""

STRESS = frozenset("\u02c8\u02cc\u02d0\u02d1")
"""The marks of stress and length."""

Span = tuple[int, int]


def align(sentence: Sequence[str], words: Sequence[Sequence[str]]) -> list[Span]:
    """Returns the span of ``sentence`` in which each of ``words`` is spoken, without marks and spaces around it.

    Each word is given by its phonemes when it is read alone. The spans are in order and don't overlap; the span of a
    word that is not spoken is empty.

    Usually the sentence has as many groups of phonemes between spaces as the words have. But espeak reads "of the" as
    one group and a number as several; then the two readings are aligned with the fewest differences.
    """
    groups = _groups(sentence)
    groups_alone = [_groups(word) for word in words]
    if sum(map(len, groups_alone)) != len(groups):
        return _side_by_side(sentence, groups, words, groups_alone)
    spans: list[Span] = []
    at = 0
    for own in groups_alone:
        inside = groups[at : at + len(own)]
        spans.append((inside[0][0], inside[-1][1]) if inside else _empty(spans))
        at += len(own)
    return spans


def _side_by_side(
    sentence: Sequence[str],
    groups: Sequence[Span],
    words: Sequence[Sequence[str]],
    groups_alone: Sequence[Sequence[Span]],
) -> list[Span]:
    """Aligns the groups of ``sentence`` with those of the words, section by section."""
    alone = [(owner, words[owner][start:stop]) for owner, own in enumerate(groups_alone) for start, stop in own]
    places: list[list[int]] = [[] for _ in words]
    for (first, last), (low, high) in _sections(
        [_letters(sentence[start:stop]) for start, stop in groups], [_letters(group) for _, group in alone]
    ):
        if last - first == high - low:
            for (start, stop), (owner, _) in zip(groups[first:last], alone[low:high], strict=True):
                places[owner] += (start, stop - 1)
        elif first < last and low < high:
            inside = [at for at in range(groups[first][0], groups[last - 1][1]) if _sounds(sentence[at])]
            symbols = [(owner, symbol) for owner, group in alone[low:high] for symbol in group if _sounds(symbol)]
            partners = _edit_path([sentence[at] for at in inside], [symbol for _, symbol in symbols])
            for at, partner in zip(inside, partners, strict=True):
                if partner is not None:
                    places[symbols[partner][0]].append(at)
    spans: list[Span] = []
    for own in places:
        spans.append((own[0], own[-1] + 1) if own else _empty(spans))
    return spans


def _sections(sentence: Sequence[str], alone: Sequence[str]) -> Iterator[tuple[Span, Span]]:
    """Yields ranges of groups of ``sentence``, each with its counterpart in ``alone``, which cover both.

    A section ends where both sides have had the same letters, or before a group that is equal on both sides, at the
    latest after SECTION groups. So no section is long, and the time grows with the length.
    """
    first = low = 0
    while first < len(sentence) or low < len(alone):
        last, high = _section_end(sentence, first, alone, low)
        yield (first, last), (low, high)
        first, low = last, high


def _section_end(sentence: Sequence[str], first: int, alone: Sequence[str], low: int) -> Span:
    """Returns where a section ends: the fewest groups further on, counting each letter that one side has more as one
    group."""
    if first < len(sentence) and low < len(alone) and sentence[first] == alone[low]:
        return first + 1, low + 1
    read, separate = sentence[first : first + SECTION], alone[low : low + SECTION]
    best = len(read) + len(separate) + sum(map(len, read)) + sum(map(len, separate)), len(read), len(separate)
    for ahead, left in enumerate(accumulate(read, initial="")):
        for behind, right in enumerate(accumulate(separate, initial="")):
            cost = ahead + behind + abs(len(left) - len(right))
            if (
                cost
                and cost < best[0]
                and (
                    left == right
                    or sentence[first + ahead : first + ahead + 1] == alone[low + behind : low + behind + 1]
                )
            ):
                best = cost, ahead, behind
    return first + best[1], low + best[2]


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


@lru_cache(1024)
def _is_letter(symbol: str) -> bool:
    return symbol not in STRESS and unicodedata.category(symbol[0])[0] == "L"


def _letters(group: Sequence[str]) -> str:
    """Returns the sounds of a group without stress and length, which depend on its neighbours."""
    return "".join(filter(_is_letter, group))


@lru_cache(1024)
def _sounds(symbol: str) -> bool:
    """Whether a symbol is a letter, or modifies one: stress, length and combining marks."""
    return unicodedata.category(symbol[0])[0] in "LNMS"


def _empty(spans: Sequence[Span]) -> Span:
    end = spans[-1][1] if spans else 0
    return end, end
