"""Emotion tags: a closed list, at any place and in any case; everything else in parentheses is spoken."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from server.text.emotions import MASK, TAGS, EmotionTags
from server.text.normalize import normalize

PAGE = Path(__file__).parents[2] / "docs" / "text.md"


@pytest.mark.parametrize("tag", TAGS)
def test_every_tag_of_the_list_is_silent(tag: str) -> None:
    for written in (tag, tag.upper(), tag.capitalize(), unicodedata.normalize("NFD", tag)):
        assert normalize(f"Well, ({written}) I see.") == "Well, I see."


@pytest.mark.parametrize(
    "text",
    [
        "The World Health Organization (WHO) said so.",
        "Paris (France) is a city.",
        "press (a) or (b)",
        "book(s) and (see page 3)",
        "f(happy) is a call, (happy)ly is not a word",
        "(very happy) and (happy, sad) and ( happy )",
        "(yes) (no) (maybe)",
        "unbalanced (happy and happy)",
    ],
)
def test_anything_else_in_parentheses_is_spoken(text: str) -> None:
    assert normalize(text) == text


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("(happy) One. (SAD) Two (Laughing).", "One. Two."),
        ("(happy)(sad) One", "One"),
        ("One (happy) (sad).", "One."),
        ("One\n(whispering)\ntwo", "One two"),
        ("(en colère) Non", "Non"),
        ("(en\u00a0colère) Non", "Non"),
    ],
)
def test_tags_stand_anywhere(text: str, spoken: str) -> None:
    assert normalize(text) == spoken


def test_an_operator_chooses_the_list() -> None:
    tags = EmotionTags(["in a whisper", "Grr"])
    assert tags.remove("(in  a whisper) One (grr) (happy)") == "(in  a whisper) One (happy)"
    assert tags.remove("(in a whisper) One") == " One"


def test_a_masked_text_keeps_its_positions() -> None:
    text = "One (happy) two\n(sad) three"
    masked = EmotionTags().mask(text)
    assert len(masked) == len(text)
    assert masked.replace(MASK, "").split() == EmotionTags().remove(text).split() == ["One", "two", "three"]
    assert all(now in (before, MASK) for before, now in zip(text, masked, strict=True))


def test_the_page_lists_every_tag() -> None:
    [section] = re.findall(r"^### Emotion tags$(.*?)^#", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    [listed] = re.findall(r"^    (.*?)\n\n", section, re.MULTILINE | re.DOTALL)
    assert tuple(" ".join(listed.split()).split(", ")) == TAGS
