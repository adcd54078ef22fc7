"""The word error rate: how many words of a text were not said, said wrongly or said in addition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby


class Edit(StrEnum):
    """What becomes of a word between the text and what was heard."""

    MATCH = "match"
    SUBSTITUTION = "substitution"
    DELETION = "deletion"
    """A word of the text that was not heard."""
    INSERTION = "insertion"
    """A word that was heard and is not in the text."""


EDIT, MATCH = 1_000_000, -1
"""The costs of an edit and of a match: of two ways with equally many edits, the one with more matches is taken."""
Step = tuple[int, int, int, Edit]
"""A step of the comparison: so many words of the text, so many of those heard, its cost, and what it is."""


@dataclass(frozen=True, slots=True)
class WordErrors:
    """The least edits that turn the words of a text into those that were heard."""

    words: int
    """The number of words of the text."""
    edits: tuple[Edit, ...]
    """In the order of the words."""

    @property
    def insertions(self) -> int:
        return self.edits.count(Edit.INSERTION)

    @property
    def deletions(self) -> int:
        return self.edits.count(Edit.DELETION)

    @property
    def substitutions(self) -> int:
        return self.edits.count(Edit.SUBSTITUTION)

    @property
    def total(self) -> int:
        return len(self.edits) - self.edits.count(Edit.MATCH)

    @property
    def rate(self) -> float:
        """The word error rate: the edits divided by the words of the text; above 1 with many insertions."""
        return self.total / max(1, self.words)

    @property
    def missing(self) -> int:
        """The most words in a row that were not heard."""
        return max((length for edit, length in self._runs() if edit is Edit.DELETION), default=0)

    @property
    def added(self) -> int:
        """The most words in a row that were heard and are not in the text, such as a repeated phrase."""
        return max((length for edit, length in self._runs() if edit is Edit.INSERTION), default=0)

    def _runs(self) -> Iterator[tuple[Edit, int]]:
        return ((edit, len(list(run))) for edit, run in groupby(self.edits))


def compare(said: Sequence[str], heard: Sequence[str]) -> WordErrors:
    """Returns the edits from the words of a text to those that were heard, in time and memory of their product.

    Two words that are heard as one, or one as two, match: "river bank" is "riverbank".
    """
    costs = [[0] * (len(heard) + 1) for _ in range(len(said) + 1)]
    for i in range(len(said) + 1):
        for j in range(len(heard) + 1):
            if i or j:
                costs[i][j] = min(costs[i - own][j - other] + cost for own, other, cost, _ in _steps(said, heard, i, j))
    return WordErrors(len(said), tuple(reversed(list(_edits(said, heard, costs)))))


def _steps(said: Sequence[str], heard: Sequence[str], i: int, j: int) -> Iterator[Step]:
    """Yields the possible last steps to the first ``i`` words of the text and the first ``j`` of those heard."""
    if i and j:
        same = said[i - 1] == heard[j - 1]
        yield (1, 1, MATCH, Edit.MATCH) if same else (1, 1, EDIT, Edit.SUBSTITUTION)
        if j > 1 and said[i - 1] == heard[j - 2] + heard[j - 1]:
            yield 1, 2, MATCH, Edit.MATCH
        if i > 1 and said[i - 2] + said[i - 1] == heard[j - 1]:
            yield 2, 1, MATCH, Edit.MATCH
    if i:
        yield 1, 0, EDIT, Edit.DELETION
    if j:
        yield 0, 1, EDIT, Edit.INSERTION


def _edits(said: Sequence[str], heard: Sequence[str], costs: Sequence[Sequence[int]]) -> Iterator[Edit]:
    """Yields the edits of a cheapest way, from its end."""
    i, j = len(said), len(heard)
    while i or j:
        own, other, edit = next(
            (own, other, edit)
            for own, other, cost, edit in _steps(said, heard, i, j)
            if costs[i - own][j - other] + cost == costs[i][j]
        )
        yield edit
        i, j = i - own, j - other
