"""The word error rate: which edits turn the words of a text into those heard."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.utterance import Utterance, Voice
from server.verification.recognition import obstacle
from server.verification.spoken_words import spoken_words
from server.verification.word_errors import Edit, compare
from tests.examples import examples

SENTENCES = st.lists(st.sampled_from(("one", "two", "three", "four")), max_size=5)
SIGNS = {"=": Edit.MATCH, "x": Edit.SUBSTITUTION, "-": Edit.DELETION, "+": Edit.INSERTION}


@pytest.mark.parametrize(
    ("said", "heard", "edits"),
    [
        ("", "", ""),
        ("one two", "one two", "=="),
        ("one two three", "one three", "=-="),
        ("one two", "one one two", "+=="),
        ("one two three", "one four three", "=x="),
        ("one two", "", "--"),
        ("", "one two", "++"),
        ("the river bank", "the riverbank", "=="),
        ("the riverbank is", "the river bank is", "==="),
        ("one two three four five six", "one six", "=----="),
        ("one two three", "one two three one two three", "+++==="),
    ],
)
def test_the_least_edits_are_found(said: str, heard: str, edits: str) -> None:
    errors = compare(said.split(), heard.split())
    assert errors.edits == tuple(SIGNS[sign] for sign in edits)
    assert errors.total == sum(sign != "=" for sign in edits)
    assert (errors.deletions, errors.insertions) == (edits.count("-"), edits.count("+"))
    assert errors.substitutions == edits.count("x")
    assert errors.rate == errors.total / max(1, len(said.split()))


def test_the_longest_run_of_missing_and_of_added_words_is_what_counts() -> None:
    errors = compare(["a", "b", "c", "d", "e", "f", "g", "h"], ["a", "d", "e", "x", "y", "z", "f", "g", "h"])
    assert (errors.missing, errors.added, errors.deletions, errors.insertions) == (2, 3, 2, 3)


@settings(max_examples=examples(200))
@given(SENTENCES, SENTENCES)
def test_no_cheaper_way_exists(said: list[str], heard: list[str]) -> None:
    """Against the definition, which tries everything."""

    def least(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        kept = least(i - 1, j - 1) + (said[i - 1] != heard[j - 1])
        return kept if said[i - 1] == heard[j - 1] else min(kept, least(i - 1, j) + 1, least(i, j - 1) + 1)

    errors = compare(said, heard)
    assert errors.total == least(len(said), len(heard)) == compare(heard, said).total
    assert errors.words == len(said) == sum(edit is not Edit.INSERTION for edit in errors.edits)
    assert len(heard) == sum(edit is not Edit.DELETION for edit in errors.edits)


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("He has 5 of them.", "he has five of them"),
        ("It is on 5 May 2026 at 3:30 p.m.", "It is on the fifth of May, twenty twenty-six at 3.30 pm."),
        ("It costs $12.50, or 1,200 nuts.", "it costs twelve dollars and fifty cents or one thousand two hundred nuts"),
        ("Dr. Smith lives at 10 km.", "Doctor Smith lives at ten kilometers"),
        ("The FBI said: it's over!", "the F B I said it's over"),
    ],
)
def test_texts_that_sound_alike_have_the_same_words(written: str, heard: str) -> None:
    assert compare(spoken_words(written), spoken_words(heard)).total == 0


def test_a_hostile_number_is_read_too() -> None:
    assert len(spoken_words("9" * 10_000)) == 10_000


@pytest.mark.parametrize(
    ("language", "speed", "reason"), [("en-us", 1.0, None), ("de", 1.0, "English"), ("en-us", 2.0, "speed")]
)
def test_what_can_not_be_recognised_is_said(language: str, speed: float, reason: str | None) -> None:
    voice = Voice("mine", ("en-us", "de"), 22050, "0")
    found = obstacle(Utterance("One.", voice, language, 1, 4, speed))
    assert found is None if reason is None else reason in str(found)
