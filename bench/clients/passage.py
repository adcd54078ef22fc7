"""Texts for the servers: public-domain prose, cut to a number of words, with as few repetitions as possible."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

PASSAGE = Path(__file__).with_name("passage.txt")
SHORTEST, LONGEST = 4, 90
"""The range of words in mixed texts; lengths are spread evenly on a logarithmic scale, so that their mean is 28."""


class Reader:
    """Reads the passage sentence by sentence, again and again; the same seed reads the same texts."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._sentence = 0
        self._read: set[str] = set()

    def take(self, words: int) -> str:
        """Returns a text of ``words`` words that was not read before; it starts with the next sentence if possible.

        After about 1,800 texts of one length all are read, and texts repeat.
        """
        starts = sentence_starts()
        ordered_starts = [starts[(self._sentence + offset) % len(starts)] for offset in range(len(starts))]
        for start in (*ordered_starts, *range(len(passage()))):
            self._sentence += 1
            text = cut(start, words)
            if text not in self._read:
                self._read.add(text)
                return text
        self._read = {text for text in self._read if len(text.split()) != words}
        return self.take(words)

    def mixed(self, count: int) -> list[str]:
        """Returns texts of mixed lengths in random order, with the same distribution of lengths for any count."""
        steps = [(number + self._random.random()) / count for number in range(count)]
        lengths = [round(SHORTEST * (LONGEST / SHORTEST) ** step) for step in steps]
        self._random.shuffle(lengths)
        return [self.take(length) for length in lengths]


@cache
def passage() -> tuple[str, ...]:
    """Returns the words of the whole passage; a line that begins with # names the source of the next line."""
    lines = PASSAGE.read_text(encoding="utf-8").splitlines()
    return tuple(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def sentence_starts() -> tuple[int, ...]:
    """Returns the positions in the passage at which a sentence begins."""
    words = passage()
    return tuple(place for place in range(len(words)) if words[place - 1][-1] in ".!?")


def cut(start: int, words: int) -> str:
    """Returns ``words`` words from a position in the passage, which repeats after its end, with a full stop."""
    prose = passage()
    selection = [prose[(start + offset) % len(prose)] for offset in range(words)]
    selection[0] = selection[0][:1].upper() + selection[0][1:]
    selection[-1] = selection[-1].rstrip(".,:;!?") + "."
    return " ".join(selection)
