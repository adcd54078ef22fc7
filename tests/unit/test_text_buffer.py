"""Which parts of an unfinished text can be spoken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.streaming.text_buffer import LONGEST, LOOKAHEAD, TextBuffer
from server.text.reading import sentence_spans
from tests.examples import examples

TEXT = (
    "Dr. Smith met Mr. Jones at 5 p.m. EST in St. Louis. They paid $3.50 for coffee, e.g. an espresso. "
    'Was it good? "Yes!" she said. It is in vol. 3, ch. 2.\nThe end came later, on March 3, 2024, in Portland, OR.'
)


def streamed(text: str, size: int, language: str = "en", *, clause: bool = False) -> list[str]:
    """Returns the parts of a text that arrives in pieces of ``size`` characters."""
    buffer, parts = TextBuffer(language), []
    for start in range(0, len(text), size):
        buffer.feed(text[start : start + size])
        while part := buffer.take(clause=clause):
            parts.append(part)
    return [*parts, *filter(None, [buffer.take_rest()])]


def ends(parts: list[str]) -> set[int]:
    return {sum(map(len, parts[: count + 1])) for count in range(len(parts))}


@pytest.mark.parametrize("size", [1, 3, 7, 40, 1000])
def test_parts_end_where_sentences_of_the_whole_text_end(size: int) -> None:
    parts = streamed(TEXT, size)
    assert "".join(parts) == TEXT
    assert ends(parts) <= {stop for _, stop in sentence_spans(TEXT, "en")}
    assert len(parts) > 1


def test_a_sentence_is_given_out_as_soon_as_what_follows_tells_that_it_has_ended() -> None:
    buffer = TextBuffer("en")
    buffer.feed("I met Dr. ")
    assert not buffer.take()
    buffer.feed("Smith. ")
    assert not buffer.take()
    buffer.feed("He was there and so was she")
    assert buffer.take() == "I met Dr. Smith. "


@pytest.mark.parametrize("text", ["Really? ", "Stop! ", "行きました。", "本当\uff1f"])
def test_marks_that_always_end_a_sentence_need_no_look_ahead(text: str) -> None:
    buffer = TextBuffer("ja" if ord(text[0]) > 255 else "en")
    buffer.feed(text)
    assert buffer.take() == text


def test_a_clause_is_given_out_while_nothing_else_is_to_be_said() -> None:
    buffer = TextBuffer("en")
    buffer.feed("When the rain had stopped, we ")
    assert not buffer.take()
    assert buffer.take(clause=True) == "When the rain had stopped, "
    assert buffer.take_rest() == "we "


@pytest.mark.parametrize("text", ["He was born on March 3, 2024 and ", "They live in Portland, OR and ", "Well, we "])
def test_dates_places_and_short_clauses_are_not_cut(text: str) -> None:
    buffer = TextBuffer("en")
    buffer.feed(text)
    assert not buffer.take(clause=True)


def test_words_are_complete() -> None:
    buffer = TextBuffer("en")
    buffer.feed("one two thr")
    assert buffer.take_words() == "one two "
    assert buffer.take_words() == ""
    buffer.feed("ee ")
    assert buffer.take_words() == "three"
    assert buffer.take_rest() == " "


@pytest.mark.parametrize(
    ("text", "words"),
    [("one two.", "one two."), ('she said "no!"', 'she said "no!"'), ("it is 3.", "it is "), ("so can'", "so ")],
)
def test_a_mark_at_the_end_of_the_text_ends_its_last_word(text: str, words: str) -> None:
    buffer = TextBuffer("en")
    buffer.feed(text)
    assert buffer.take_words() == words


@pytest.mark.parametrize("text", ["word " * 1000, "x" * 5000, ". " * 2500, "漢" * 5000, "\n" * 5000])
def test_what_has_no_end_is_cut(text: str) -> None:
    parts = streamed(text, 50)
    assert "".join(parts) == text
    assert max(map(len, parts)) <= LONGEST + LOOKAHEAD + 50


@given(st.text(max_size=300), st.integers(1, 50), st.booleans(), st.sampled_from(["en", "de", "fr", "es", "ja", "zh"]))
@settings(max_examples=examples(60), deadline=None)
def test_no_text_is_lost_or_doubled(text: str, size: int, clause: bool, language: str) -> None:
    assert "".join(streamed(text, size, language, clause=clause)) == text
