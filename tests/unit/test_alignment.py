"""Which phonemes are whose word: equal groups, groups that espeak joins or divides, and anything at all."""

# ruff: noqa: RUF001 - these letters are phonemes

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.text import alignment
from server.text.alignment import align
from server.text.phonemes import Phonemizer


def spoken(sentence: str, words: list[str]) -> list[str]:
    return [sentence[start:stop] for start, stop in align(list(sentence), [list(word) for word in words])]


@pytest.mark.parametrize(
    ("sentence", "words", "found"),
    [
        ("həlˈoʊ, wˈɜːld.", ["həlˈoʊ,", "wˈɜːld."], ["həlˈoʊ", "wˈɜːld"]),
        ("wˈʌn tˈuː θɹˈiː", ["wˈʌn tˈuː", "θɹˈiː"], ["wˈʌn tˈuː", "θɹˈiː"]),
        ("ʌvðə mˈæn", ["ˈʌv", "ðə", "mˈæn"], ["ʌv", "ðə", "mˈæn"]),
        ("fˌɔːɹɛɡzˈæmpəl ðˈɪs", ["fˌɔːɹ", "ɛɡzˈæmpəl", "ðˈɪs"], ["fˌɔːɹ", "ɛɡzˈæmpəl", "ðˈɪs"]),
        (
            "fɹˈiːʲ ʌvðə tɹˈæməlz ʌv ɪt",
            ["fɹˈiː", "ʌv", "ðə", "tɹˈæməlz", "ʌv", "ɪt"],
            ["fɹˈiː", "ʌv", "ðə", "tɹˈæməlz", "ʌv", "ɪt"],
        ),
        ("wˈʌn", ["—", "wˈʌn", "..."], ["", "wˈʌn", ""]),
        ("", ["a", "b"], ["", ""]),
        ("a", [], []),
    ],
)
def test_each_word_has_its_phonemes(sentence: str, words: list[str], found: list[str]) -> None:
    assert spoken(sentence, words) == found


@pytest.mark.parametrize(
    "text",
    [
        "I would like one of the apples that are in the box.",
        "He paid three dollars and fifty cents to the man from Baker Street, and then left for the station.",
        "For example this is what they have been to and for the most of it.",
    ],
)
def test_espeaks_words_are_found_in_its_sentences(text: str) -> None:
    """A word begins where it would if its neighbours were cut off, give or take a phoneme."""
    phonemizer = Phonemizer()
    words = text.split()
    spans = align(phonemizer.sentence(text, "en-us"), [phonemizer.sentence(word, "en-us") for word in words])
    assert all(start < stop for start, stop in spans)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


SYMBOLS = st.lists(st.sampled_from(list("abcˈː .,")), max_size=60)


@given(SYMBOLS, st.lists(SYMBOLS, max_size=12))
def test_spans_are_in_order_and_within_the_sentence(sentence: list[str], words: list[list[str]]) -> None:
    spans = align(sentence, words)
    assert len(spans) == len(words)
    assert all(0 <= start <= stop <= len(sentence) for start, stop in spans)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


@pytest.mark.parametrize("text", ["of the " * 700, "123456789 " * 500, "in the of a to " * 330])
def test_long_sentences_are_aligned_in_short_sections(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    lengths = [0]
    edit_path = alignment._edit_path

    def measure(first: Sequence[str], second: Sequence[str]) -> list[int | None]:
        lengths.append(max(len(first), len(second)))
        return edit_path(first, second)

    monkeypatch.setattr(alignment, "_edit_path", measure)
    sentence, *words = Phonemizer().each([text, *text.split()], "en-us")
    spans = align(sentence, words)
    assert max(lengths) <= 100
    assert sum(stop - start for start, stop in spans) > 0.7 * len(sentence)


def test_a_reading_that_is_far_longer_is_borne() -> None:
    assert len(align(list("ab" * 2000), [list("abc ") * 1000, list("c") * 20])) == 2
