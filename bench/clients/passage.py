"""What the servers are given to speak: public-domain prose, cut to a number of words, each text as rarely as can be."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

PASSAGE = Path(__file__).with_name("passage.txt")
SHORTEST, LONGEST = 4, 90
"""Words of mixed texts; lengths are spread evenly on a logarithmic scale, so that their mean is 28."""


class Reader:
    """Goes through the passage, sentence by sentence and from the start again; the same seed reads the same texts."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._sentence = 0
        self._read: set[str] = set()

    def take(self, words: int) -> str:
        """A text of so many words, not taken before; it begins with the next sentence while there is such a one.

        After some 1,800 of one length all are read, and it begins anew.
        """
        starts = sentence_starts()
        turned = [starts[(self._sentence + offset) % len(starts)] for offset in range(len(starts))]
        for start in (*turned, *range(len(passage()))):
            self._sentence += 1
            text = cut(start, words)
            if text not in self._read:
                self._read.add(text)
                return text
        self._read = {text for text in self._read if len(text.split()) != words}
        return self.take(words)

    def mixed(self, count: int) -> list[str]:
        """Texts of mixed lengths: of any count, the same share is short and long; the order is left to chance."""
        steps = [(number + self._random.random()) / count for number in range(count)]
        lengths = [round(SHORTEST * (LONGEST / SHORTEST) ** step) for step in steps]
        self._random.shuffle(lengths)
        return [self.take(length) for length in lengths]


@cache
def passage() -> tuple[str, ...]:
    """The words of the whole passage; a line that begins with # names the source of the next."""
    lines = PASSAGE.read_text(encoding="utf-8").splitlines()
    return tuple(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def sentence_starts() -> tuple[int, ...]:
    """The places in the passage at which a sentence begins."""
    words = passage()
    return tuple(place for place in range(len(words)) if words[place - 1][-1] in ".!?")


def cut(start: int, words: int) -> str:
    """So many words from a place in the passage, from its beginning again after its end, closed by a full stop."""
    prose = passage()
    chosen = [prose[(start + offset) % len(prose)] for offset in range(words)]
    chosen[0] = chosen[0][:1].upper() + chosen[0][1:]
    chosen[-1] = chosen[-1].rstrip(".,:;!?") + "."
    return " ".join(chosen)
