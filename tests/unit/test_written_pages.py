"""Ten pages dense with written forms, each as a careful reader says it, and what is still read otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.text.script import InputType, ScriptParser
from server.text.source_reading import read_source
from tests.server_process import ROOT

FOLDER = ROOT / "tests" / "readings" / "pages"
PAGES = sorted(path for path in FOLDER.iterdir() if not path.name.endswith(".spoken.txt"))
OTHERWISE = {
    "changelog": {
        "or 7 d,": "days: the letter alone is too often a name",
        "2.0.0a3": "the letter between digits is left to espeak, which says it",
    },
    "invoice": {"twenty-five Due: May": "a pause between the labels, of which the last line is too long for a verse"},
    "leaflet": {
        "Paxolin®": "espeak says registered: nothing but emoji is dropped",
        "of 312 points": "patients: the same letters are points in most texts",
    },
    "match": {
        "2 to 1 down": "two one: a score is a range unless a verb before it tells",
        "a 1 to 2 with": "a one-two: only those who know the game tell it from a range",
        "45+2'": "the second minute of added time: the sign after a number is feet elsewhere",
    },
    "recipe": {
        "100 milliliters syrup": "milliliters of syrup: no article tells that a noun follows",
        "3 quarters cup": "of a cup: the same",
    },
    "timetable": {
        "0 oh 2": "twelve oh two: the clock has 24 hours there",
        "line 4 2 dot": "forty-two: as in addresses",
    },
    "weather": {"Sun: sunny": "Sunday: without a dot it is a word"},
}
"""Of a page, the parts that are read otherwise than a person would: what would be right, and why it is not."""


def read_page(path: Path) -> list[str]:
    """Returns the sentences of a page as they are spoken."""
    input_type: InputType = "markdown" if path.suffix == ".md" else "text"
    script = ScriptParser().parse(path.read_text(), input_type, "en-us")
    reading = read_source(script, "en-us", 1.0)
    return [" ".join(each.spoken for each in sentence.stretches if each.spoken) for sentence in reading.sentences]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_read_as_a_person_reads_it(path: Path) -> None:
    assert read_page(path) == path.with_suffix(".spoken.txt").read_text().splitlines()


def test_what_is_read_otherwise_stands_in_its_page() -> None:
    assert len(PAGES) == 10
    for name, parts in OTHERWISE.items():
        spoken = (FOLDER / f"{name}.spoken.txt").read_text()
        assert [part for part in parts if part not in spoken] == []
