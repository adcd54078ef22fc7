"""Ranges, emotion tags and counts, as the telemetry contract says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel.contract.ranges import CHARACTERS, WORDS
from server.errors import InvalidText, NothingToSpeak
from server.text.counts import count_words
from server.text.normalize import check, normalize


def test_labels_are_those_of_the_requirements() -> None:
    assert WORDS.labels == ("0", "1-10", "11-25", "26-50", "51-100", "101-200", "200+")
    assert CHARACTERS.labels == ("0", "1-50", "51-100", "101-200", "201-500", "501-1000", "1000+")


@pytest.mark.parametrize(
    ("count", "label"),
    [
        (0, "0"),
        *((1, "1-10"), (10, "1-10")),
        *((11, "11-25"), (25, "11-25")),
        *((26, "26-50"), (50, "26-50")),
        *((51, "51-100"), (100, "51-100")),
        *((101, "101-200"), (200, "101-200")),
        *((201, "200+"), (10**9, "200+")),
    ],
)
def test_words_fall_into_their_range(count: int, label: str) -> None:
    assert WORDS.label(count) == label


@pytest.mark.parametrize(("count", "label"), [(50, "1-50"), (51, "51-100"), (1000, "501-1000"), (1001, "1000+")])
def test_characters_fall_into_their_range(count: int, label: str) -> None:
    assert CHARACTERS.label(count) == label


@given(st.integers(min_value=1, max_value=5000))
def test_every_count_is_within_the_bounds_of_its_label(count: int) -> None:
    for ranges in (WORDS, CHARACTERS):
        label = ranges.label(count)
        if label.endswith("+"):
            assert count > int(label[:-1])
        else:
            low, high = map(int, label.split("-"))
            assert low <= count <= high


def test_a_negative_count_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="-1"):
        WORDS.label(-1)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("(happy) Hello world", "Hello world"),
        ("Hello (happy) world", "Hello world"),
        ("Hello world (sad).", "Hello world."),
        ("(happy)(excited) Hello", "Hello"),
        ("(glücklich) Hallo", "Hallo"),
        ("Wait (pause), then go", "Wait, then go"),
        ("the book(s) I read", "the book(s) I read"),
        ("as shown (see page 3)", "as shown (see page 3)"),
        ("point (2) of it", "point (2) of it"),
        ("nested ((happy)) tag", "nested () tag"),
        ("a\n\tb   c", "a b c"),
        ("cafe\u0301", "café"),
    ],
)
def test_emotion_tags_are_not_spoken(text: str, spoken: str) -> None:
    assert normalize(text) == spoken


@pytest.mark.parametrize("text", ["", "   ", "(happy)", "...", "?! —", "()", "\u200b"])
def test_text_without_anything_to_say_is_refused(text: str) -> None:
    with pytest.raises(NothingToSpeak) as refusal:
        normalize(text)
    assert refusal.value.param == "text"


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x85", "\ud800"])
def test_what_is_not_text_is_refused(character: str) -> None:
    with pytest.raises(InvalidText, match=f"U\\+{ord(character):04X}, at position 2"):
        check(f"ab{character}c")


def test_line_breaks_and_emoji_are_text() -> None:
    check("a\nb\tc\r\n😀 naïve 日本語")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello world", 2),
        ("It's 3.50 — right?", 3),
        ("see page 3)", 3),
        ("😀 😀", 0),
        ("今日はとても良い天気ですね。", 4),
        ("今天天气很好", 3),
        ("Hello 世界", 2),
        ("วันนี้อากาศดีมาก", 5),
    ],
)
def test_words_are_counted_with_or_without_spaces(text: str, words: int) -> None:
    assert count_words(text) == pytest.approx(words, abs=1 if not text.isascii() and words > 2 else 0)


@given(st.lists(st.text("abcxyz'9", min_size=1), min_size=1, max_size=300))
def test_the_count_of_spaced_words_is_exact(words: list[str]) -> None:
    assert count_words(" ".join(words)) == sum(any(c.isalnum() for c in word) for word in words)


@given(st.text(max_size=300))
def test_no_text_breaks_the_counting(text: str) -> None:
    try:
        check(text)
        spoken = normalize(text)
    except (InvalidText, NothingToSpeak):
        return
    assert 0 <= count_words(spoken) <= len(spoken)


def test_the_language_tells_whose_characters_they_are() -> None:
    """Chinese characters alone may be either's; the two are divided in other places."""
    text = "東京都知事選挙結果発表会場案内"
    assert count_words(text, "ja") != count_words(text, "zh")
    assert count_words(text) == count_words(text, "zh")
