"""Composed text: as NFC has it, at a cost in proportion to its length."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.text import ssml
from server.text.normalize import MAX_MARKS, compose, normalize

ACUTE, CEDILLA, DOT = "\u0301", "\u0327", "\u0323"
MARKS = st.sampled_from([ACUTE, CEDILLA, DOT, "\u05b0", "\u3099"])


def longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        longest = max(longest, run)
    return longest


@given(st.text())
def test_text_as_people_write_it_is_composed_as_ever(text: str) -> None:
    if longest_run(text) <= MAX_MARKS:
        assert compose(text) == unicodedata.normalize("NFC", text)


@given(st.lists(st.text(MARKS, max_size=100) | st.text(max_size=3)).map("".join))
def test_no_run_of_marks_is_longer_than_the_bound(text: str) -> None:
    assert longest_run(compose(text)) <= MAX_MARKS
    letters = [character for character in text if not unicodedata.combining(character)]
    kept = [
        character for character in unicodedata.normalize("NFD", compose(text)) if not unicodedata.combining(character)
    ]
    assert kept == [c for c in unicodedata.normalize("NFD", "".join(letters)) if not unicodedata.combining(c)]


@pytest.mark.parametrize("count", [0, 1, 30, 31, 32, 5000])
def test_the_first_marks_are_kept(count: int) -> None:
    marks = (CEDILLA + ACUTE) * (count // 2) + CEDILLA * (count % 2)
    text = f"one a{marks}b two"
    assert compose(text) == unicodedata.normalize("NFC", f"one a{marks[:MAX_MARKS]}b two")


def test_what_the_normaliser_is_given_has_no_long_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its work grows with the square of a run's length."""
    runs, nfc = [], unicodedata.normalize

    def watched(form: str, text: str) -> str:
        runs.append(longest_run(text))
        return nfc(form, text)

    monkeypatch.setattr("server.text.normalize.unicodedata.normalize", watched)
    hostile = "a" + (CEDILLA + ACUTE) * 500_000
    assert len(normalize(hostile)) <= MAX_MARKS + 1
    ssml.parse(f'<speak>{hostile[:5000]} <sub alias="{hostile[:5000]}">b</sub></speak>', "en", 1.0)
    assert len(runs) > 2
    assert max(runs) <= MAX_MARKS
