"""Phonemes that a voice can't make: replaced by the nearest, and named if there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.text import ipa, language_marks
from server.text.nearest_phonemes import INVENTORIES, NEAREST, adapted, missing, nearest
from server.text.phonemes import Phonemizer

READINGS = Path(__file__).parents[1] / "readings"
PROSE = {
    "en": READINGS / "prose.txt",
    **{name: READINGS / f"european/{name}-prose.txt" for name in INVENTORIES if name != "en"},
}
LANGUAGES = st.sampled_from(sorted(INVENTORIES))


def symbols(text: str, language: str) -> list[str]:
    phonemizer = Phonemizer()
    return phonemizer.sentence(text, phonemizer.resolve(language))


@pytest.mark.parametrize(
    ("text", "language", "voice", "phonemes"),
    [
        ("Ich habe Bücher.", "de", "en-us", "ɪʃ hɑːbə bˈuːʃɜ."),
        ("Schöne Köche", "de", "en-us", "ʃˈɜːnə kˈɜʃə"),
        ("Juan trabaja", "es", "en-us", "hwˈan tɾabˈaha"),
        ("Un bon vin blanc", "fr", "en-us", "ɜn bˈɔn vˈɛn blˈɑn"),
        ("gli gnocchi", "it", "en-us", "ljɪ njˈokːɪ"),
        ("the thing", "en-us", "de", "də sˈɪŋ"),
    ],
)  # fmt: skip
def test_another_language_is_said_with_the_phonemes_of_the_voice(
    text: str, language: str, voice: str, phonemes: str
) -> None:
    assert "".join(adapted(symbols(text, language), voice)) == phonemes


@pytest.mark.parametrize("language", INVENTORIES)
def test_an_inventory_has_what_espeak_makes_of_the_language(language: str) -> None:
    lines = [line for line in PROSE[language].read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    phonemizer = Phonemizer()
    accents = ("en", "en-us") if language == "en" else (language,)
    for accent in accents:
        for made in phonemizer.each(lines, phonemizer.resolve(accent)):
            assert adapted(made, language) == made


@given(st.lists(st.sampled_from(sorted(ipa.SYMBOLS)), max_size=30), LANGUAGES)
def test_what_is_adapted_can_be_said(phonemes: list[str], language: str) -> None:
    said = adapted(phonemes, language)
    composed = "".join(said)
    assert adapted(said, language) == said
    for letter in missing(composed, INVENTORIES[language]):
        assert letter[0] not in NEAREST, "everything in the table has something near in each inventory"


@pytest.mark.parametrize("language", INVENTORIES)
def test_each_letter_of_the_table_has_something_near(language: str) -> None:
    assert [letter for letter in NEAREST if missing(letter, INVENTORIES[language])] == []


def test_a_letter_without_anything_near_is_named() -> None:
    assert missing("aǃa ǂ", {"a"}) == ["ǃ", "ǂ"]
    assert missing("aç", {"a", "ʃ"}) == []
    assert missing("ɑ̃", {"ɑ", "n"}) == []
    assert nearest(["a", "ǃ", "ˈ", " "], {"a": 1}) == ["a", "ǃ", "ˈ", " "]


def test_a_voice_of_an_unknown_language_gets_all_phonemes() -> None:
    assert adapted(list("çʁ"), "sw") == list("çʁ")


def test_parts_in_other_languages_are_read_together() -> None:
    phonemizer = Phonemizer()
    marked = f"He said {language_marks.mark('Guten Tag', 'de')} and left."
    [sentence, alone] = phonemizer.each([marked, "No."], "en-us")
    assert "".join(sentence) == "hiː sˈɛd ɡˈuːtən tˈɑːk ænd lˈɛft."
    assert "".join(alone) == "nˈoʊ."
    assert language_marks.plain(marked) == "He said Guten Tag and left."


def test_a_language_that_espeak_does_not_have_is_read_as_the_voices() -> None:
    marked = language_marks.mark("hello", "xx")
    assert Phonemizer().sentence(marked, "en-us") == Phonemizer().sentence("hello", "en-us")
