"""Markdown as a chat model writes it: what is spoken of it, and what is refused."""

from __future__ import annotations

import pytest

from server.errors import InvalidMarkup, NothingToSpeak
from server.pauses import Pauses
from server.text.markdown_tokens import DEPTH
from server.text.script import ScriptParser

PARSER = ScriptParser(pauses=Pauses(paragraph=4, heading=3, item=2, cell=1))


def structure(text: str) -> list[tuple[str, float | None]]:
    script = PARSER.parse(text, "markdown", "en")
    return [(each.text, each.pause) for each in script.passages] or [(script.text, None)]


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("# Title\nText over\ntwo lines.\n\nMore", [("Title", 3), ("Text over two lines.", 4), ("More", None)]),
        ("Title\n---\nText", [("Title", 3), ("Text", None)]),
        ("- milk\n- eggs\n  1. white\n  2. brown\n\nEnd", [("milk", 2), ("eggs", 2), ("1. white", 2), ("2. brown", 4),
                                                         ("End", None)]),
        ("3) three\n4) four", [("3) three", 2), ("4) four", None)]),
        ("1. # Title\n2. - a\n3.\n", [("1. Title", 3), ("2.", 2), ("a", 2), ("3.", None)]),
        ("- [ ] wash\n- [x] cook", [("wash", 2), ("cook", None)]),
        ("> a `b\n>   c` d\n> - e\n>   *f*", [("a b c d", 2), ("e f", None)]),
        ("> quote\n> goes on\n\nEnd", [("quote goes on", 4), ("End", None)]),
        ("| a | b |\n|---|--:|\n| **c** | `d` |\n| | e \\| f | extra |\n\nEnd",
         [("a", 1), ("b", 2), ("c", 1), ("d", 2), ("e | f", 1), ("extra", 4), ("End", None)]),
        ("```python\nx = 1\n\nprint(x)\n```\nEnd", [("x = 1", 2), ("print(x)", 4), ("End", None)]),
        ("One\n\n***\n\nTwo", [("One", 4), ("Two", None)]),
        ("<div class='a'>\nhi <b>there</b>\n<!-- no\nno -->\n<script>var no;</script>\n</div>\n\nEnd",
         [("hi there", 4), ("End", None)]),
        ("(happy) One\n\n- (sad) two", [("One", 2), ("two", None)]),
    ],
)  # fmt: skip
def test_blocks_and_the_pauses_after_them(text: str, blocks: list[tuple[str, float | None]]) -> None:
    assert structure(text) == blocks


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("**bold** *weak* ***both*** ~~gone~~ un*believ*able", "bold weak both gone unbelievable"),
        ("See [the `docs`](https://example.com/a \"b\") now", "See the docs now"),
        ("[text][ref] and [ref]\n\n[ref]: https://example.com 'title'", "text and ref"),
        ("an ![old **tree**](tree.png) here", "an old tree here"),
        ("<https://a.org/b> <me@a.org>", "https://a.org/b me@a.org"),
        ("a &amp; b &#65; \\*c\\*", "a & b A *c*"),
        ("one<br>two <b>three</b> <!-- no -->four", "one two three four"),
        ("5 * 3, 2\\*3 and snake_case", "5 * 3, 2*3 and snake_case"),
        ("(WHO) (happy) (France)", "(WHO) (France)"),
        ("(**happy**) yes", "(happy) yes"),
        ("`` a ` b `` and ` ` x", "a ` b and x"),
        ("1986\\. A great wine", "1986. A great wine"),
        ("line one  \nline two\\\nthree", "line one line two three"),
    ],
)  # fmt: skip
def test_what_is_spoken_of_a_paragraph(text: str, spoken: str) -> None:
    assert structure(text) == [(spoken, None)]


@pytest.mark.parametrize("text", ["[](https://example.com)", "***", "![](a.png)", "[a]: b", "<!-- a -->", "``` a"])
def test_markup_alone_is_nothing_to_speak(text: str) -> None:
    with pytest.raises(NothingToSpeak):
        PARSER.parse(text, "markdown", "en")


@pytest.mark.parametrize("part", ["> ", "- ", "1. "])
def test_what_is_nested_too_deep_is_refused_and_nothing_is_dropped(part: str) -> None:
    assert structure(part * (DEPTH // 2 - 2) + "word")[-1][0].endswith("word")
    with pytest.raises(InvalidMarkup, match="20 deep") as refusal:
        PARSER.parse(part * 500 + "word", "markdown", "en")
    assert refusal.value.param == "text"


def test_ssml_is_not_read_as_markdown() -> None:
    with pytest.raises(InvalidMarkup, match="input_type"):
        PARSER.parse("<speak>Hello</speak>", "markdown", "en")
