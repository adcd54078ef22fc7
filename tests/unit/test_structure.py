"""Plain text: what its structure is, which signs in it are markup, and how long the pauses are."""

from __future__ import annotations

import pytest

from server.pauses import Pauses
from server.text.reading import read_utterance
from server.text.script import ScriptParser
from server.utterance import Ability, Utterance, Voice

PARSER = ScriptParser(pauses=Pauses(paragraph=4, heading=3, item=2, cell=1))
JOE = Voice("joe", ("en",), 22050, "c0ffee")


def structure(text: str) -> list[tuple[str, float | None]]:
    script = PARSER.parse(text, "text", "en")
    assert script.structural == (len(script.passages) > 1)
    return [(each.text, each.pause) for each in script.passages] or [(script.text, None)]


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("Chapter One\n\nIt was raining", [("Chapter One", 4), ("It was raining", None)]),
        ("One\n \t\n\n\nTwo", [("One", 4), ("Two", None)]),
        ("One\r\n\r\nTwo\r\rThree\u2029\u2029Four", [("One", 4), ("Two", 4), ("Three", 4), ("Four", None)]),
        ("\n\nOne\n\n", [("One", None)]),
        ("# Title\nText", [("Title", 3), ("Text", None)]),
        ("### Title ###\n\nText", [("Title", 3), ("Text", None)]),
        ("Title\n=====\nText", [("Title", 3), ("Text", None)]),
        ("One\n\n* * *\n\nTwo", [("One", 4), ("Two", None)]),
        ("Buy\n- milk\n- eggs", [("Buy", 2), ("milk", 2), ("eggs", None)]),
        ("* milk\n* eggs\n• bread\n◦ tea", [("milk", 2), ("eggs", 2), ("bread", 2), ("tea", None)]),
        ("1. One\n2. Two\n10) Ten", [("1. One", 2), ("2. Two", 2), ("10) Ten", None)]),
        ("a) one\nb) two\n(c) three", [("a) one", 2), ("b) two", 2), ("(c) three", None)]),
        ("- [ ] wash\n- [x] cook", [("wash", 2), ("cook", None)]),
        ("- milk\n  from the farm\nand eggs\nThen go.", [("milk from the farm and eggs", 4), ("Then go.", None)]),
        ("- milk\n\n- eggs\n\nThen go.", [("milk", 2), ("eggs", 4), ("Then go.", None)]),
        ("| a | b |\n|---|:-:|\n| c | |", [("a", 1), ("b", 2), ("c", None)]),
        ("Name\tAge\nAnn\t5\n", [("Name", 1), ("Age", 2), ("Ann", 1), ("5", None)]),
        ("Name | Age\nAnn | 5\n", [("Name", 1), ("Age", 2), ("Ann", 1), ("5", None)]),
        ("Here | there", [("Here | there", None)]),
        ("John Smith\n12 Elm Road\nLondon", [("John Smith", 2), ("12 Elm Road", 2), ("London", None)]),
        ("Roses are red,\nViolets are blue\nSugar is sweet", [("Roses are red, Violets are blue", 2),
                                                             ("Sugar is sweet", None)]),
        ("(happy)\n\n# Title (sad)\n(calm) Text", [("Title", 3), ("Text", None)]),
        ("(happy) - milk\n- eggs", [("milk", 2), ("eggs", None)]),
        ("One\n(happy)\ntwo", [("One two", None)]),
        ("One\n\n...\n\nTwo", [("One", 4), ("Two", None)]),
    ],
)  # fmt: skip
def test_blocks_and_the_pauses_after_them(text: str, blocks: list[tuple[str, float | None]]) -> None:
    assert structure(text) == blocks


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("It was raining\nin the old town.", "It was raining in the old town."),
        ("He lives in\nSt. Louis.", "He lives in St. Louis."),
        ("It was in\n12. Then it ended", "It was in 12. Then it ended"),
        ("She was born in\n1945. It was cold", "She was born in 1945. It was cold"),
        ("press\n(a) or (b)", "press (a) or (b)"),
        ("He came late to the dinner at the old house\n- as always - and left",
         "He came late to the dinner at the old house - as always - and left"),
        ("a\n\tb   c", "a b c"),
        ("One\ttwo", "One two"),
        ("#hashtag and C# and # alone", "#hashtag and C# and # alone"),
    ],
)  # fmt: skip
def test_a_line_break_within_a_sentence_is_a_space(text: str, spoken: str) -> None:
    assert structure(text) == [(spoken, None)]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("This is **very bold** and *weak* and ***both***.", "This is very bold and weak and both."),
        ("Run `make test` or ``a ` b``.", "Run make test or a ` b."),
        ("**Note:** read (**this**)", "Note: read (this)"),
        ("这是**重点**内容", "这是重点内容"),
        ("over\n**two\nlines** of it", "over two lines of it"),
        ("**Hello (happy)** you", "Hello you"),
        # not markup:
        ("5 * 3 * 2 and 2**3**4", "5 * 3 * 2 and 2**3**4"),
        ("f(*args, **kwargs)", "f(*args, **kwargs)"),
        ("*.py and *.md", "*.py and *.md"),
        ("f**k this s***", "f**k this s***"),
        ("a price* and\n\n*terms apply", None),
        ("it`s ** not", "it`s ** not"),
    ],
)
def test_stars_in_pairs_are_markup(text: str, spoken: str | None) -> None:
    expected = [(spoken, None)] if spoken else [("a price* and", 4), ("*terms apply", None)]
    assert structure(text) == expected


def test_counts_are_of_what_is_spoken() -> None:
    script = PARSER.parse("# (happy) The **WHO** (France)\n\n- one\n- two", "text", "en")
    assert script.text == "The WHO (France)\none\ntwo"
    assert script.words == 5


def test_the_pauses_follow_the_speed_and_do_not_add_up() -> None:
    script = PARSER.parse("One. Two\n\nThree", "text", "en", speed=2.0)
    utterance = Utterance(
        script.text, JOE, "en", script.words, len(script.text), 2.0, script.passages, structural=script.structural
    )
    assert [(each.text, each.pause) for each in read_utterance(utterance).sentences] == [
        ("One.", 0.1), ("Two", 2.0), ("Three", 0.0)
    ]  # fmt: skip


def test_structure_needs_no_ability_and_ssml_does() -> None:
    for text, kind, needs in (
        ("One\n\nTwo", "text", set()),
        ("# One\nTwo", "markdown", set()),
        ("<speak>One<break/>Two</speak>", "ssml", {Ability.MARKUP}),
    ):
        script = PARSER.parse(text, kind, "en")  # type: ignore[arg-type]
        utterance = Utterance(script.text, JOE, "en", 2, 7, 1.0, script.passages, structural=script.structural)
        assert len(utterance.passages) == 2
        assert utterance.needs == needs
