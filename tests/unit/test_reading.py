"""How a text is read: a table of written forms, sentences that end where they do, and time by the text's length."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import NothingToSpeak
from server.text.normalize import normalize
from server.text.reading import PAUSE, read_text, read_utterance, sentence_spans
from server.utterance import Passage, Utterance, Verbalization, Voice
from tests.reading_checks import check_that_time_is_linear

ENGLISH = [
    ("It costs $3.50.", "It costs three dollars and fifty cents."),
    ("$1", "one dollar"),
    ("$1,234.56", "one thousand two hundred and thirty-four dollars and fifty-six cents"),
    ("£20 and €15.", "twenty pounds and fifteen euros."),
    ("€1", "one euro"),
    ("$5 million", "5 million dollars"),
    ("$2.5B", "2.5 billion dollars"),
    ("$5-10", "5 to 10 dollars"),
    ("$3.5", "three dollars and fifty cents"),
    ("the 1980s, in 1999 and 2024", "the nineteen eighties, in nineteen ninety-nine and twenty twenty-four"),
    ("1,999 and 1999.5", "1,999 and 1999.5"),
    ("the 100th and 21st", "the one hundredth and twenty-first"),
    ("Meet at 10:00 am.", "Meet at 10 A.M."),
    ("at 3:05, 10:30 or 9:00", "at 3 oh 5, 10 30 or 9 o'clock"),
    ("25:99", "25:99"),
    ("2024-03-15", "March fifteenth twenty twenty-four"),
    ("2024-13-45", "2024-13-45"),
    ("03/15/2024 or 15/03/2024", "March fifteenth twenty twenty-four or March fifteenth twenty twenty-four"),
    ("15 March and Jan. 5", "the fifteenth of March and January fifth"),
    ("1/2 cup, 3/4, 24/7", "one half cup, 3 quarters, 24 7"),
    ("5 km, 1 kg, 20°C, 100 km/h", "5 kilometers, 1 kilogram, 20 degrees Celsius, 100 kilometers per hour"),
    ("Dr. Smith met Mrs. Jones", "Doctor Smith met Missis Jones"),
    ("St. James lives in Baker St.", "Saint James lives in Baker Street."),
    ("e.g. this vs. that", "for example this versus that"),
    ("J. R. R. Tolkien", "J R R Tolkien"),
    ("the U.S. Army", "the U S Army"),
    ("No. 5 and #6", "number 5 and number 6"),
    ("see https://www.example.com/a-b.", "see example dot com slash a dash b."),
    ("mail me@example.com", "mail me at example dot com"),
    ("x^2, 2³, 5 * 3, 10 - 3, .5", "x squared, 2 cubed, 5 times 3, 10 minus 3, point 5"),
    ("Henry VIII, Chapter IV, World War II", "Henry the eighth, Chapter 4, World War 2"),
    ("call 555-1234", "call 5 5 5, 1 2 3 4"),
    ("v1.2.3 and 192.168.0.1", "v 1 point 2 point 3 and 1 9 2 dot 1 6 8 dot 0 dot 1"),
    ("10-20 people", "10 to 20 people"),
    ("👍🏽 ok 🇫🇷", "👍 ok"),
    ("COVID-19, MP3, and/or, 3.14", "COVID-19, MP3, and/or, 3.14"),
    ("5 = 5, a == b, $$$, C++, 100%, A+++ ...", "5 = 5, a == b, $$$, C++, 100%, A+++ ..."),
    ("Hello ==== world", "Hello , world"),
    ("Hello ====", "Hello"),
    ("==== Title ====", "Title"),
    ("x = ======== y", "x = y"),
    ("if a === b", "if a = b"),
    ("foo------bar", "foo, bar"),
    ("one - - - two", "one , two"),
    ("-=-=-=-=- three ~*~*~*~", "three"),
    ("│ four │ ──── │", "│ four │ │"),
    ("++++ five", "five"),
]


def spoken_sentences(text: str, language: str = "en") -> list[str]:
    return [sentence.text for sentence in read_text(text, language)]


@pytest.mark.parametrize(("written", "spoken"), ENGLISH)
def test_english(written: str, spoken: str) -> None:
    assert spoken_sentences(written) == [spoken]


RULERS = [
    *(sign * count for sign in "=-*_~#/\\─━═│█▓\u2013\u2014" for count in (4, 5, 30, 400)),
    *("---", "***", "___", "~~~", "###", "───"),
    *(f"{sign} " * 30 for sign in "=-*_~#"),
    *(pair * 20 for pair in ("=-", "-=", "*~", "_-")),
    "+" * 30,
]  # fmt: skip


@pytest.mark.parametrize("ruler", RULERS, ids=lambda ruler: f"{len(ruler)} of {ruler[:2]}")
@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_a_ruler_is_not_read(ruler: str, language: str) -> None:
    with pytest.raises(NothingToSpeak, match="nothing to speak"):
        normalize(ruler)
    for text in (f"Hello {ruler} there", f"{ruler} Hello there", f"Hello there {ruler}"):
        [*lines] = spoken_sentences(" ".join(text.split()), language)
        assert re.findall(r"[^\s,]+", " ".join(lines)) == ["Hello", "there"]


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("de", "Das kostet 3,50 €.", "Das kostet drei Euro und fünfzig Cent."),
        ("de", "1.200,50 € am 3. Mai", "eintausendzweihundert Euro und fünfzig Cent am dritten Mai"),
        ("de", "z.B. Dr. Müller", "zum Beispiel Doktor Müller"),
        ("fr", "M. Dupont a 3,50 €", "Monsieur Dupont a trois euros et cinquante centimes"),
        ("es", "El Sr. López tiene $5", "El Señor López tiene cinco dólares"),
        ("ja", "$5 です。", "$5 です。"),
    ],
)  # fmt: skip
def test_other_languages(language: str, written: str, spoken: str) -> None:
    assert spoken_sentences(written, language) == [spoken]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Smith paid $3.50.", 1),
        ("Dr. Smith paid $3.50. He left.", 2),
        ("I like fruit, e.g. apples. And pears.", 2),
        ("He lives in the U.S. and works.", 1),
        ("He lives in the U.S. He works.", 2),
        ("J. R. R. Tolkien wrote it. I read it.", 2),
        ("Pi is 3.14159. Good.", 2),
        ("Wait... what? Yes.", 2),
        ('"Hello." he said.', 1),
        ('"Hello there!" She left.', 2),
        ("See https://www.example.com/a.b?x=1. Then go.", 2),
        ("It is 5 p.m. now.", 1),
        ("What?! No way.", 2),
        ("This is approx. 5 km. Fine.", 2),
    ],
)
def test_sentences_end_where_they_do(text: str, count: int) -> None:
    assert len(read_text(text, "en")) == count


def test_a_word_is_what_the_client_wrote() -> None:
    [line] = read_text("Dr. Smith paid ($3.50), or 5 km.", "en")
    assert [word.written for word in line.words] == ["Dr.", "Smith", "paid", "($3.50),", "or", "5 km."]
    assert line.words[3].spoken == "(three dollars and fifty cents),"


@given(st.text(max_size=300), st.sampled_from(["en", "de", "fr", "ja", "zh", "xx"]))
def test_sentences_joined_are_the_text(text: str, language: str) -> None:
    assert "".join(text[start:stop] for start, stop in sentence_spans(text, language)) == text


ODD = st.lists(
    st.sampled_from(
        ["$", "1", "1,111", ".", ". ", " ", "/", ":", "-", "Dr. ", "www.", "http://", "@", "a", "A.", "Jan. ", "IV",
         "Henry ", "°C", " km", "#", "^2", "e.g.", "🇫", "\u200d", "(", ")", "th", "s", "st", "No.", "am", "%", "€"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@given(ODD, st.sampled_from(["en", "en-gb", "de", "fr", "es", "ru"]))
def test_nothing_written_is_lost_whatever_it_is(text: str, language: str) -> None:
    text = " ".join(text.split())
    words = [word for line in read_text(text, language) for word in line.words]
    assert "".join("".join(word.written for word in words).split()) == "".join(text.split())
    assert all(word.spoken == " ".join(word.spoken.split()) for word in words)


@pytest.mark.parametrize(
    "part",
    ["www.", "(www.", "http://", "1", "1/", "1.", "$1,", "1,111", "a@", "a.", "A. ", "1-", "Jan ", "1:11 ", "Henry I",
     "(555) ", "a^2", "🇫", " ", "$", "Mr. ", "a St. ", "5 k", "e.g.", "No.", "é", "-", "z.B. ", "3. ",
     "=", "= ", "== ", "=-", "=-~", "===a", "+", "─"],
)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "de"])
def test_hostile_text_takes_time_by_its_length(part: str, language: str) -> None:
    check_that_time_is_linear(lambda text: read_text(text, language), part, 16_000)


JOE = Voice("joe", ("en",), 22050, "c0ffee")


def asked(*passages: Passage, speed: float = 1.0) -> Utterance:
    return Utterance("text", JOE, "en", 1, 4, speed, passages)


def test_sentences_are_parted_by_a_pause_and_the_last_has_none() -> None:
    text = read_utterance(Utterance("One. Two. Three.", JOE, "en", 3, 16, 2.0))
    assert [sentence.pause for sentence in text.sentences] == [PAUSE / 2, PAUSE / 2, 0.0]
    assert text.text == "One. Two. Three."


def test_a_break_is_as_long_as_was_asked_whatever_the_speed() -> None:
    text = read_utterance(
        asked(Passage("", pause=1.5), Passage("One. Two", 0.5, 0.7), Passage("three.", 2.0), speed=2.0)
    )
    assert text.leading_silence == 1.5
    assert [(sentence.text, sentence.speed, sentence.pause) for sentence in text.sentences] == [
        ("One.", 1.0, PAUSE), ("Two", 1.0, 0.7), ("three.", 4.0, 0.0)
    ]  # fmt: skip


def test_the_pause_of_what_can_not_be_spoken_is_kept() -> None:
    text = read_utterance(asked(Passage("...", pause=1.0), Passage("One.", pause=0.5), Passage("!", pause=2.0)))
    assert (text.leading_silence, [sentence.pause for sentence in text.sentences]) == (1.0, [2.5])


def test_what_is_said_otherwise_is_not_read_by_rule() -> None:
    [line] = read_text("In 1999 and 1999.", "en", [Verbalization(3, 7, "one nine nine nine")])
    assert line.text == "In one nine nine nine and nineteen ninety-nine."
