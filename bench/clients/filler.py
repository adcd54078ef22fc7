"""Filler: text of a given number of words and characters, in nobody's words."""

from __future__ import annotations

import random
from functools import cache

from bench.clients.passage import passage

LONGEST_WORD = 12
SENTENCE_WORDS = 16
"""The number of words in a sentence; the last one may be longer or shorter by half."""
STANDARD_DEVIATION = 2.3
"""Of the letters of a word: that of the passage."""


def filler(words: int, characters: int, seed: int) -> str:
    """Returns a text with so many words and characters, in sentences of usual length; the same for the same seed.

    Its words are those of the passage, or parts of them. Where both numbers can't be met, such as for a language
    without spaces, it has the number of characters, and the nearest possible number of words.
    """
    generator = random.Random(f"{words} {characters} {seed}")
    characters = max(2, characters)
    most, least = (characters + 1) // 2, -(-(characters + 1) // (LONGEST_WORD + 2))
    words = min(max(1, words, least), most)
    lengths = word_lengths(words, characters - words + 1, generator)
    text: list[str] = []
    for number, length in enumerate(lengths, 1):
        is_full = number % SENTENCE_WORDS == 0 and words - number >= SENTENCE_WORDS // 2
        ends = length > 1 and (number == words or is_full)
        word = word_of(length - ends, generator)
        starts = number == 1 or text[-1][-1] == "."
        text.append((word.capitalize() if starts else word) + "." * ends)
    return " ".join(text)


def word_lengths(words: int, letters: int, generator: random.Random) -> list[int]:
    """Returns the lengths of so many words with so many letters together."""
    mean, most = letters / words, max(LONGEST_WORD + 2, -(-letters // words))
    lengths = [min(most, max(1, round(generator.gauss(mean, STANDARD_DEVIATION)))) for _ in range(words)]
    rest = letters - sum(lengths)
    while rest:
        place, change = generator.randrange(words), 1 if rest > 0 else -1
        if 1 <= lengths[place] + change <= most:
            lengths[place] += change
            rest -= change
    return lengths


def word_of(length: int, generator: random.Random) -> str:
    """Returns a word of so many letters; several words in one if there is none so long."""
    if length > LONGEST_WORD:
        return word_of(LONGEST_WORD, generator) + word_of(length - LONGEST_WORD, generator)
    return generator.choice(vocabulary()[length])


@cache
def vocabulary() -> dict[int, list[str]]:
    """Returns the words of the passage by their length, and their beginnings where there are none of a length."""
    plain = sorted({word.strip(".,:;!?'\"").lower() for word in passage()})
    letters = [word for word in plain if word.isascii() and word.isalpha()]
    by_length = {length: [word for word in letters if len(word) == length] for length in range(1, LONGEST_WORD + 1)}
    return {
        length: words or sorted({word[:length] for word in letters if len(word) > length})
        for length, words in by_length.items()
    }
