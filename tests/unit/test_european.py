"""How written German, French, Spanish and Italian are read: cases with sources, ordinary prose, and any text."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.text import european
from server.text.phonemes import Phonemizer
from server.text.reading import read_text
from server.text.rules import apply
from server.utterance import Verbalization
from tests.reading_checks import check_that_nothing_is_dropped, check_that_time_is_linear
from tests.server_process import ROOT

FOLDER = ROOT / "tests" / "readings" / "european"
LANGUAGES = ("de", "fr", "es", "it")
SILENT = frozenset({"emoji", "emoticon", "ruler"})
"""The rules that skip what they match."""


def cases(language: str) -> list[tuple[str, str]]:
    lines = (FOLDER / f"{language}.txt").read_text().splitlines()
    pairs = [line.rsplit("~", 1) for line in lines if line and not line.startswith("# ")]
    return [(written, spoken) for written, spoken in pairs]


def spoken(text: str, language: str) -> list[str]:
    return [sentence.text for sentence in read_text(text, language)]


CASES = [(language, *pair) for language in LANGUAGES for pair in cases(language)]


@pytest.mark.parametrize(("language", "written", "reading"), CASES)
def test_a_written_form_is_read_as_a_person_reads_it(language: str, written: str, reading: str) -> None:
    assert spoken(written, language) == [reading]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_cases_of_its_own(language: str) -> None:
    own = cases(language)
    assert len(set(own)) == len(own) >= 60


@pytest.mark.parametrize("language", LANGUAGES)
def test_prose_is_not_changed(language: str) -> None:
    prose = (FOLDER / f"{language}-prose.txt").read_text().splitlines()
    assert len(set(prose)) >= 50
    readings = [(line, read_text(line, language)) for line in prose]
    assert [line for line, read in readings if " ".join(sentence.text for sentence in read) != line] == []
    assert [line for line, read in readings if any(sentence.stretches for sentence in read)] == []


@pytest.mark.parametrize(
    ("language", "left", "words"),
    [
        ("de", "50 %", "fünfzig Prozent"),
        ("de", "die 80er", "die achtziger"),
        ("fr", "50 %", "cinquante pour cent"),
        ("fr", "les années 80", "les années quatre-vingt"),
        ("es", "los años 80", "los años ochenta"),
        ("es", "50 %", "cincuenta por ciento"),
        ("it", "gli anni '80", "gli anni ottanta"),
    ],
)
def test_espeak_reads_by_itself_what_no_rule_reads(language: str, left: str, words: str) -> None:
    """Their phonemes are the same but for the stress and length that espeak gives to words."""
    bare = [
        "".join(symbol for symbol in symbols if symbol.isalpha() and symbol not in "ˈˌːˑʲə")
        for symbols in Phonemizer().each([left, words], language)
    ]
    assert bare[0] == bare[1]


@pytest.mark.parametrize(
    ("language", "text", "sentences"),
    [
        ("de", "Es gibt Äpfel usw. Die Kunden kaufen.", ["Es gibt Äpfel und so weiter.", "Die Kunden kaufen."]),
        ("de", "Das war am 3. Mai. Er blieb.", ["Das war am dritten Mai.", "Er blieb."]),
        ("de", "Er ist Nr. 1. Dann kommt Anna.", ["Er ist Nummer 1.", "Dann kommt Anna."]),
        ("de", "Im 19. und 20. Jahrhundert war es so.", ["Im neunzehnten und zwanzigsten Jahrhundert war es so."]),
        ("fr", "Du pain, etc. Les clients viennent.", ["Du pain, et cetera.", "Les clients viennent."]),
        ("fr", "En 52 av. J.-C. il vint.", ["En 52 avant Jésus-Christ il vint."]),
        ("es", "Pan, etc. Los clientes vienen.", ["Pan, etcétera.", "Los clientes vienen."]),
        ("es", "Vino D. Juan a EE. UU. ayer.", ["Vino Don Juan a Estados Unidos ayer."]),
        ("it", "Pane, ecc. I clienti vengono.", ["Pane, eccetera.", "I clienti vengono."]),
        ("it", "Vedi pag. 5 a Roma.", ["Vedi pagina 5 a Roma."]),
    ],
)
def test_a_sentence_ends_by_what_follows_the_dot(language: str, text: str, sentences: list[str]) -> None:
    assert spoken(text, language) == sentences


PARTS = st.lists(
    st.sampled_from(
        ["$", "1", "1.111", ".", ". ", " ", "/", ":", "-", "\u2013", "\u2212", "Dr. ", "www.", "http://", "@", "a",
        "A.", "Mio. ",
         "janv. ", "IV", "Luis ", "°C", " km", "#", "^2", "²", "z. B.", "(", ")", "er", "e", "º", "h", " Uhr", "S. ",
         "n.º ", "%",
         "€", "1/2", "½", "x", "10", "2024", "etc. ", '"', "'", "<", "kg", "====", "_", "Friedrich ", ",",
         "20 ", "M"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@given(PARTS, st.sampled_from(LANGUAGES))
@example("http://$", "de")
def test_every_letter_and_digit_is_spoken_or_skipped_by_name(text: str, language: str) -> None:
    check_that_nothing_is_dropped(text, language, SILENT)


@given(PARTS, st.sampled_from(LANGUAGES))
def test_applying_the_rules_twice_finds_the_same_stretches(text: str, language: str) -> None:
    rules = european.rules(language)
    once = apply(rules, text)
    again = apply(rules, text, [Verbalization(each.start, each.stop, each.spoken) for each in once])
    assert [(each.start, each.stop, each.spoken) for each in again] == [
        (each.start, each.stop, each.spoken) for each in once
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "part",
    ["1 ", "1-1", "1 1/", "/a", "a.b", "#a", "A", "1:", "1.", "1,", "IV ", "1°", "½", "5 m ", "etc. ", "$1-",
     "1.111", "\u2212",
     "1 - ", "Mo-", "<", "a\\", "1 234 ", "A.", "0 1 ", "01 ", "5 Mio. ", "3. ", "z. B.", "XIXe ",
     "DE12 ", "1 000 000", "Str."],
)  # fmt: skip
def test_hostile_text_takes_time_by_its_length(part: str, language: str) -> None:
    check_that_time_is_linear(lambda text: read_text(text, language), part, 4_800)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "text",
    ["9" * 400, "1/" * 300, "€" * 300, "99:99:99", "0/0", "31/31/31", "31.02.2024", "0,00 €", "1-", "½½½", "XXXX",
     "0. Platz",
     "٣km", "\uff11\uff12km", "²³", "0e", "00:00:00", "0 km", "999999999999 €", "M.", "S.", "1/0"],
)  # fmt: skip
def test_odd_numbers_are_read_somehow(text: str, language: str) -> None:
    written = "".join(word.written for sentence in read_text(text, language) for word in sentence.words)
    assert "".join(written.split()) == "".join(text.split())
