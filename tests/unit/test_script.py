"""Scripts: every letter is spoken or named as omitted, every word is found in the source, and time is linear."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.errors import InvalidMarkup, NothingToSpeak
from server.text.emotions import MASK
from server.text.script import InputType, Script, ScriptParser
from tests.reading_checks import check_that_time_is_linear

PARSER = ScriptParser()
KINDS: tuple[InputType, ...] = ("text", "markdown")
PARTS = (
    "a", "b ", "Word", "1. ", "2) ", "a) ", "(a) ", "- ", "* ", "- [x] ", "**", "*", "***", "_", "~~", "~", "`", "``",
    "```\n", "\n", "\n\n", "  \n", "\r\n", "\r", "\u2028", "    ", "\t", "# ", "## ", "> ", "|", "|a|b|\n",
    "|---|---|\n", "| a \\| b | c |\n", "[", "]", "(", "](", "x)", "![", "[x]: y\n", "<http://a.b/c>", "<", "<b>",
    "<br>", "</b>", "<!--", "-->", "<div>\n", "<script>", "</script>", "&amp;", "&", "\\", "(happy)", " (sad) ",
    "===\n", "---\n", "***\n", "é", "e\u0301", "日本", "😀", "Ä", "$5",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS), max_size=40).map("".join)


def parsed(text: str, kind: InputType) -> Script | None:
    try:
        return PARSER.parse(text, kind, "en")
    except (NothingToSpeak, InvalidMarkup):
        return None


@given(TEXTS | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60), st.sampled_from(KINDS))
@example("a<div>\n", "markdown")
@example("| a \\| b | c |\n|---|---|\n|x|y|z \\| q|", "markdown")
def test_every_letter_is_spoken_or_named(text: str, kind: InputType) -> None:
    script = parsed(text, kind)
    if script is None:
        return
    named = bytearray(len(text))
    for start, stop in [*script.spans(), *(omission.span for omission in script.omissions())]:
        named[start:stop] = b"\1" * (stop - start)
    assert [place for place, letter in enumerate(text) if letter.isalnum() and not named[place]] == []


@given(TEXTS, st.sampled_from(KINDS))
@example("> 1. **a**\n>    b [c](d) `e`\n\n| f | f |\n|-|-|\n| g | g |", "markdown")
def test_every_word_stands_where_its_span_says(text: str, kind: InputType) -> None:
    script = parsed(text, kind)
    if script is None:
        return
    words, spans = script.text.split(), script.spans()
    assert len(words) == len(spans)
    assert all(0 <= start < stop <= len(text) for start, stop in spans)
    for word, (start, stop) in zip(words, spans, strict=True):
        written = unicodedata.normalize("NFC", script.source[start:stop].replace(MASK, ""))
        forms = (written, written.replace("&amp;", "&"))  # an entity, but not in code
        assert any(is_within(word, form) for form in forms), (word, written)


def is_within(word: str, written: str) -> bool:
    """Whether the letters of ``word`` are in ``written`` in their order, other characters between them."""
    letters = iter(written)
    return all(letter in letters for letter in word if letter.isalnum() or letter == "&")


@given(st.lists(st.sampled_from(["Alpha", "beta", "(WHO)", "12", "don't"]), min_size=1, max_size=30))
def test_prose_is_the_same_in_every_type(words: list[str]) -> None:
    text = "The " + " ".join(words) + "."
    scripts = [PARSER.parse(text, kind, "en") for kind in KINDS]
    assert {(script.text, script.words, script.passages) for script in scripts} == {(text, len(words) + 1, ())}
    assert all(script.omissions() == [] for script in scripts)


def test_omissions_say_why() -> None:
    text = "(Happy) See [it](https://a.b) (sad) ![tree](c.png) now"
    script = PARSER.parse(text, "markdown", "en")
    assert [(text[start:stop].strip(), reason) for (start, stop), reason in script.omissions()] == [
        ("(Happy)", "emotion tag"), ("](https://a.b)", "markup"), ("(sad)", "emotion tag"), ("](c.png)", "markup"),
    ]  # fmt: skip
    assert [text[start:stop] for start, stop in script.spans()] == ["See", "it", "tree", "now"]


@pytest.mark.parametrize(
    "part",
    ["*", "*a ", "**a", "a **b** ", "`a", "_a ", "a\n", "a\n\n", "- a\n", "|a", "|a|\n", "a\tb\n", "# a\n", " #", "(",
     "(happy", "(happy)", "- ", "1. ", "[", "![", "[a](", "](", "> ", "Abc\n", "<!--", "<a ", "<div>\n<a", "|a\\|b",
     "&amp", "[a]: b\n", "~~a ", "**a** [b](c) `d` \n", "![[]()"],
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_takes_time_by_its_length(part: str, kind: InputType) -> None:
    check_that_time_is_linear(lambda text: parsed(text, kind), part, 8_000)
