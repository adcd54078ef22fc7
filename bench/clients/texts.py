"""Texts to speak: public-domain prose cut to a length, with emotion tags, and our own count of words and characters."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

# Written down here a second time on purpose: a client that asked the server for its ranges could not find it wrong.
WORD_RANGES = ("1-10", "11-25", "26-50", "51-100", "101-200", "200+")
CHARACTER_RANGES = ("1-50", "51-100", "101-200", "201-500", "501-1000", "1000+")
MAX_WORDS = 250
"""The number of words in the longest text: the open range needs an end."""
BOUND_DISTANCE = 8
"""The minimum distance of a text from a range's bound in characters: spaces around a tag can be counted differently."""

TAGS = ("(happy)", "(sad)", "(excited)", "(calm)", "(angry)", "(whispering)")
TAG = re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, TAGS))})(?!\S)")
"""Matches only what the server's closed list has: anything else in parentheses is spoken, and counted."""
UNSPACED = frozenset({"ja", "km", "lo", "my", "th", "yue", "zh"})
"""Languages written without spaces: their words can be counted only with a segmenter."""

PROSE = {
    "en": (
        # Lewis Carroll, Alice's Adventures in Wonderland (1865)
        "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: "
        "once or twice she had peeped into the book her sister was reading, but it had no pictures or "
        "conversations in it. "
        # Jane Austen, Pride and Prejudice (1813)
        "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in "
        "want of a wife. However little known the feelings or views of such a man may be on his first entering a "
        "neighbourhood, this truth is so well fixed in the minds of the surrounding families. "
        # Herman Melville, Moby Dick (1851)
        "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, "
        "and nothing particular to interest me on shore, I thought I would sail about a little and see the watery "
        "part of the world. "
        # Charles Dickens, A Tale of Two Cities (1859)
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of "
        "foolishness, it was the season of light, it was the season of darkness, it was the spring of hope, it "
        "was the winter of despair. "
        # H. G. Wells, The Time Machine (1895)
        "The fire burned brightly, and the soft radiance of the lamps caught the bubbles that flashed and passed "
        "in our glasses. There was that luxurious atmosphere (after dinner always) when thought runs gracefully "
        "free. "
        # our own
        "The morning train leaves at seven and reaches the coast before noon. Bring the book(s) you borrowed, a "
        "warm coat and some bread for the way. If the weather holds, we shall walk along the cliffs until "
        "evening. "
    ),
    "de": (
        # Jacob and Wilhelm Grimm, Der Froschkönig (1857)
        "In den alten Zeiten, wo das Wünschen noch geholfen hat, lebte ein König, dessen Töchter waren alle "
        "schön, aber die jüngste war so schön, dass die Sonne selber, die doch so vieles gesehen hat, sich "
        "verwunderte, sooft sie ihr ins Gesicht schien. Nahe bei dem Schlosse des Königs lag ein großer dunkler "
        "Wald, und in dem Walde unter einer alten Linde war ein Brunnen. "
    ),
    "es": (
        # Miguel de Cervantes, Don Quijote (1605)
        "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un hidalgo de "
        "los de lanza en astillero, adarga antigua, rocín flaco y galgo corredor. Frisaba la edad de nuestro "
        "hidalgo con los cincuenta años, era de complexión recia, seco de carnes, enjuto de rostro, gran "
        "madrugador y amigo de la caza. "
    ),
    "fr": (
        # Jules Verne, Le Tour du monde en quatre-vingts jours (1872)
        "En cette année, la maison portant le numéro sept de la rue était habitée par un homme énigmatique, dont "
        "on ne savait rien, sinon que c'était un fort galant homme et un des plus beaux gentilshommes de la haute "
        "société. Il parlait aussi peu que possible, et semblait plus mystérieux encore parce qu'il était "
        "silencieux. "
    ),
}
"""Prose by primary language. Other languages get the English text, which is the same load for the server."""


def without_tags(text: str) -> str:
    """Returns the text without emotion tags, with one space between words."""
    return " ".join(TAG.sub(" ", text).split())


def count_words(text: str) -> int:
    """Counts words outside of tags: text between spaces that has a letter or a digit."""
    return sum(any(char.isalnum() for char in word) for word in without_tags(text).split())


def count_characters(text: str) -> int:
    """Counts characters outside of tags."""
    return len(without_tags(text))


def bounds(label: str) -> tuple[int, int | None]:
    """Returns the smallest and the largest number of a range: (1, 10) for "1-10", (201, None) for "200+"."""
    if label.endswith("+"):
        return int(label[:-1]) + 1, None
    low, _, high = label.partition("-")
    return int(low), int(high or low)


def range_of(count: int, labels: tuple[str, ...]) -> str:
    """Returns the label of the range that ``count`` is in; "0" for a count of 0."""
    for label in labels:
        low, high = bounds(label)
        if low <= count and (high is None or count <= high):
            return label
    return "0"


@dataclass(frozen=True, slots=True)
class Text:
    """A text with our own count of its words and characters."""

    content: str
    words: int
    characters: int

    @classmethod
    def from_content(cls, content: str) -> Text:
        """Counts a text's words and characters."""
        return cls(content, count_words(content), count_characters(content))

    @property
    def word_range(self) -> str:
        """The range of its words."""
        return range_of(self.words, WORD_RANGES)

    @property
    def character_range(self) -> str:
        """The range of its characters."""
        return range_of(self.characters, CHARACTER_RANGES)

    @property
    def is_clear(self) -> bool:
        """Whether its characters are so far from every range's bound that any way of counting gives the same range."""
        uppers = [high for high in (bounds(label)[1] for label in CHARACTER_RANGES) if high is not None]
        return all(abs(self.characters - upper) > BOUND_DISTANCE for upper in uppers)


def is_countable(language: str) -> bool:
    """Returns whether words of this language can be counted without a segmenter."""
    return primary(language) not in UNSPACED


def primary(language: str) -> str:
    """Returns the language without its region: en for en-us."""
    return language.partition("-")[0].lower()


def text_in(rng: random.Random, language: str, word_range: str, character_range: str | None = None) -> Text:
    """Returns a text in the word range, bounds included, and in the character range if one is given.

    Raises ValueError when no text is in both.
    """
    low, high = bounds(word_range)
    for _ in range(1000):
        text = Text.from_content(cut(rng, language, rng.randint(low, high or MAX_WORDS)))
        if text.is_clear and character_range in (None, text.character_range):
            return text
    raise ValueError(f"no text has {word_range} words and {character_range} characters")


def cut(rng: random.Random, language: str, words: int) -> str:
    """Returns ``words`` words from a random position of the prose, with a full stop; half of the texts have tags."""
    prose = PROSE.get(primary(language), PROSE["en"]).split()
    start = rng.randrange(len(prose))
    selection = [prose[(start + offset) % len(prose)] for offset in range(words)]
    selection[0] = selection[0][:1].upper() + selection[0][1:]
    selection[-1] = selection[-1].rstrip(".,:;!?") + "."
    if rng.choice((True, False)):
        for _ in range(1 + words // 60):
            selection.insert(rng.randrange(len(selection)), rng.choice(TAGS))
    return " ".join(selection)
