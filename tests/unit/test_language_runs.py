"""Parts of a text in other languages: each is read by its own rules, nothing is lost, and time is linear."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.text import language_marks
from server.text.language_runs import aligned
from server.text.reading import SpokenSentence, read_text
from server.utterance import Ability, LanguageRun, Passage, Utterance, Verbalization, Voice
from tests.reading_checks import check_that_time_is_linear

PIECES = st.lists(
    st.tuples(
        st.sampled_from(["", "de", "fr", "es", "it"]),
        st.sampled_from(
            ["Am 3. Mai. ", "5 km ", "“a b” ", "Dr. X. Y ", "-3,50 €. ", "x\u0301 ", "(1) ", "...", "le 1er"]
        ),
    ),
    max_size=12,
)
JOE = Voice("joe", ("en", "en-us"), 22050, "")


def read(text: str, *parts: tuple[str, str], fixed: tuple[Verbalization, ...] = ()) -> list[SpokenSentence]:
    """Reads an English text; ``parts`` are parts of it with their languages."""
    runs = [LanguageRun(text.index(part), text.index(part) + len(part), language) for part, language in parts]
    return read_text(text, "en", fixed, runs)


def test_each_part_is_read_by_the_rules_of_its_language() -> None:
    [sentence] = read("It cost -3,50 € on 3. Mai and -$3.50 here.", ("-3,50 € on 3. Mai", "de"))
    assert sentence.text == (
        "It cost minus drei Euro und fünfzig Cent on dritten Mai and minus three dollars and fifty cents here."
    )
    assert [word.language for word in sentence.words] == ["", "", "de", "de", "de", "", "", ""]
    assert sentence.language == "", "most of it is English"


def test_sentences_within_a_part_end_as_in_its_language() -> None:
    sentences = read("Yes. Das ist der 3. Mai. Gut. No.", ("Das ist der 3. Mai. Gut. ", "de"))
    assert [(each.text, each.language) for each in sentences] == [
        ("Yes.", ""), ("Das ist der dritte Mai.", "de"), ("Gut.", "de"), ("No.", "")
    ]  # fmt: skip


def test_neighbours_in_one_language_are_phonemized_together() -> None:
    [sentence] = read("Say bon appétit to us.", ("bon appétit", "fr"))
    assert sentence.transcribed == f"Say {language_marks.mark('bon appétit', 'fr')} to us."
    assert sentence.words[1].transcribed == language_marks.mark("bon", "fr")


def test_a_part_in_the_same_language_has_no_marks() -> None:
    [sentence] = read("Say hello.", ("hello", "en"))
    assert sentence.transcribed == "Say hello."


def test_a_part_does_not_cut_what_is_read_as_one() -> None:
    fixed = (Verbalization(4, 12, "one two", rule="dictionary"),)
    run = LanguageRun(8, 16, "de")
    assert aligned([run], fixed) == [LanguageRun(4, 16, "de")]
    assert aligned([LanguageRun(0, 6, "fr"), run], fixed) == [LanguageRun(0, 12, "fr"), LanguageRun(12, 16, "de")]


@given(PIECES, st.booleans())
def test_nothing_is_lost(pieces: list[tuple[str, str]], with_fixed: bool) -> None:
    text, runs = "", []
    for language, piece in pieces:
        if language:
            runs.append(LanguageRun(len(text), len(text) + len(piece), language))
        text += piece
    fixed = [Verbalization(at, at + 2, "so") for at in range(0, len(text) - 2, 7)] if with_fixed else []
    sentences = read_text(text, "en", fixed, runs)
    written = [word for sentence in sentences for word in "".join(each.written for each in sentence.words).split()]
    assert "".join(written) == "".join(text.split())
    assert [each.start for each in sentences] == sorted({each.start for each in sentences})
    for sentence in sentences:
        assert text.startswith(sentence.written, sentence.start)
        assert language_marks.plain(sentence.transcribed).split() == sentence.text.split()


@pytest.mark.parametrize("part", ["ab. ", "a (b ", "3.5 ", "“ab” ", "a"])
def test_time_is_linear(part: str) -> None:
    def read_with_runs(text: str) -> None:
        runs = [LanguageRun(at, at + 4, "de") for at in range(0, len(text) - 4, 8)]
        read_text(text, "en", [Verbalization(at, at + 2, "so") for at in range(2, len(text) - 4, 16)], runs)

    check_that_time_is_linear(read_with_runs, part, 8000)


def test_the_main_language_is_that_of_most_of_the_text() -> None:
    passages = (Passage("Hello du da", runs=(LanguageRun(6, 11, "de"),)),)
    utterance = Utterance("Hello du da", JOE, "en", 3, 11, passages=passages)
    assert (utterance.main_language, list(utterance.languages)) == ("en", ["en", "de"])
    passages = (Passage("Ja du da", runs=(LanguageRun(0, 8, "de"),)),)
    utterance = Utterance("Ja du da", JOE, "en", 3, 8, passages=passages)
    assert (utterance.main_language, list(utterance.languages)) == ("de", ["de"])


def test_only_markup_needs_a_provider_that_changes_the_language() -> None:
    run = LanguageRun(0, 2, "de")
    utterance = Utterance("Ja.", JOE, "en", 1, 3, passages=(Passage("Ja.", runs=(run,)),), structural=True)
    assert not utterance.needs
    passages = (Passage("Ja.", runs=(replace(run, needed=True),)),)
    assert replace(utterance, passages=passages).needs == {Ability.LANGUAGES}
