"""Cutting text and phonemes: nothing is lost, order is kept, every piece is within the limit."""

# ruff: noqa: RUF001 - these letters are phonemes

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.text.phonemes import Phonemizer
from server.text.sentences import LIMIT, bounded, cut, is_speakable, is_voiced

symbols = st.lists(st.sampled_from(list("abcɪˈː ̃,.;!?…。\n") + ["x"] * 8), max_size=200)


@given(symbols, st.integers(2, 40))
def test_pieces_joined_are_the_whole(whole: list[str], limit: int) -> None:
    pieces = list(cut(whole, limit))
    assert [symbol for piece in pieces for symbol in piece] == whole
    assert all(0 < len(piece) <= limit for piece in pieces)


@given(st.text(max_size=300), st.integers(2, 40))
def test_any_text_is_cut_without_loss(text: str, limit: int) -> None:
    assert "".join(symbol for piece in cut(text, limit) for symbol in piece) == text


@given(symbols, st.integers(4, 40))
def test_pieces_are_not_needlessly_short(whole: list[str], limit: int) -> None:
    pieces = list(cut(whole, limit))
    assert all(len(piece) > limit // 2 - 1 for piece in pieces[:-1])


@given(st.lists(symbols, max_size=10))
def test_only_what_is_silent_is_dropped(sentences: list[list[str]]) -> None:
    kept = [symbol for piece in bounded(sentences, 20) for symbol in piece]
    assert [s for s in kept if is_voiced([s])] == [s for each in sentences for s in each if is_voiced([s])]
    assert all(is_voiced(piece) for piece in bounded(sentences, 20))


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("one two, three four", 12, ["one two,", " three four"]),
        ("one, two three four", 14, ["one, two ", "three four"]),
        ("abcdefghijkl", 5, ["abcde", "fghij", "kl"]),
        ("pi is 3.14159265", 10, ["pi is ", "3.14159265"]),
        ("一二三四五、六七八九十", 8, ["一二三四五、", "六七八九十"]),
        ("a" * 6 + "ː" + "b" * 3, 6, ["aaaaa", "aːbbb"]),
        ("", 5, []),
    ],
)
def test_the_best_place_to_breathe(text: str, limit: int, pieces: list[str]) -> None:
    assert ["".join(piece) for piece in cut(text, limit)] == pieces


def test_a_sentence_of_marks_alone_is_dropped() -> None:
    assert bounded([list("həlˈoʊ."), list("..."), [], list(" ")]) == [list("həlˈoʊ.")]


@pytest.mark.parametrize("text", ["a", "7", "$", "🙂", "字", "...a"])
def test_speakable(text: str) -> None:
    assert is_speakable(text)


@pytest.mark.parametrize("text", ["", " ", "...", "!!! ???", "—", "\u0301", "“”", "\n\t"])
def test_not_speakable(text: str) -> None:
    assert not is_speakable(text)


def test_phonemes_are_sentences_of_decomposed_codepoints() -> None:
    first, second = Phonemizer().phonemize("Hello world. How are you?", "en-us")
    assert "".join(first) == "həlˈoʊ wˈɜːld."
    assert second[-1] == "?"
    assert all(len(symbol) == 1 and unicodedata.is_normalized("NFD", symbol) for symbol in first + second)


def test_what_is_one_sentence_stays_one_whatever_espeak_takes_it_for() -> None:
    phonemizer = Phonemizer()
    assert len(phonemizer.phonemize("No. Five is alive.", "en-us")) == 2
    assert "".join(phonemizer.sentence("No. Five is alive.", "en-us")) == "nˈoʊ. fˈaɪv ɪz ɐlˈaɪv."


def test_language_switches_are_not_phonemes() -> None:
    assert not set("()") & {symbol for each in Phonemizer().phonemize("Привет world", "ru") for symbol in each}


def test_long_text_without_punctuation_is_bounded() -> None:
    phonemizer = Phonemizer()
    for text in ("word " * 3_000, "a" * 10_000, "hello world. " * 1_000):
        pieces = bounded(phonemizer.phonemize(text, "en-us"))
        assert pieces
        assert max(map(len, pieces)) <= LIMIT


def test_the_nearest_espeak_voice_is_found() -> None:
    phonemizer = Phonemizer()
    assert [phonemizer.resolve(code) for code in ("en-us", "fr-fr", "de")] == ["en-us", "fr", "de"]
    with pytest.raises(ValueError, match="no voice for the language 'xx'"):
        phonemizer.resolve("xx")
    with pytest.raises(ValueError, match="no voice 'nope'"):
        phonemizer.phonemize("hello", "nope")


@pytest.mark.parametrize(
    ("text", "times", "symbols"), [("🙂", 200, 20), ("🙂 ", 200, 20), ("word", 400, 3), ("7", 400, 2)]
)
def test_nothing_is_lost_of_long_rows(text: str, times: int, symbols: int) -> None:
    """espeak silently drops what it has no room for: of 200 emoji it spoke one, of 400 digits 40."""
    phonemes = sum(len(sentence) for sentence in Phonemizer().phonemize((text * times).strip(), "en-us"))
    assert phonemes > times * symbols


def test_a_symbol_inside_a_sentence_does_not_end_it() -> None:
    assert len(Phonemizer().phonemize("I like 🙂 and ★ very much.", "en-us")) == 1
