"""The language ``auto``: each sentence and quotation gets its language, short ones that of the text around them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import NothingToSpeak
from server.text.language_detection import LanguageDetector
from server.text.languages import beside, detectable, espeak_code, matching, spoken
from server.text.script import InputType, Script, ScriptParser
from server.utterance import Passage, Voice
from tests.reading_checks import check_that_time_is_linear
from tests.unit.test_script import KINDS, TEXTS

DETECTOR = LanguageDetector()
PARSER = ScriptParser()
ENGLISH = beside("en")
READINGS = Path(__file__).parents[1] / "readings"
PROSE = {
    "en": READINGS / "prose.txt",
    **{name: READINGS / f"european/{name}-prose.txt" for name in ("de", "fr", "es", "it")},
}
JOE = Voice("joe", ("en", "en-us"), 22050, "")
XTTS = Voice("eva", ("en", "es", "zh-cn"), 24000, "")


def detected(text: str, kind: InputType = "text", languages: tuple[str, ...] = ENGLISH) -> Script:
    return DETECTOR.detected(PARSER.parse(text, kind, languages[0]), languages)


def parts(text: str, kind: InputType = "text", languages: tuple[str, ...] = ENGLISH) -> list[tuple[str, str]]:
    """Returns the parts that are not in the first language, with their languages, or "?" and one that can't be
    spoken."""
    return [
        (f"?{run.unsupported}" if run.unsupported else run.language, passage.text[run.start : run.stop].strip())
        for passage in detected(text, kind, languages).passages
        for run in passage.runs
    ]


def sentences(language: str) -> list[str]:
    lines = PROSE[language].read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello! How are you today?", []),
        ("Das ist der 3. Mai. Er kommt heute nicht.", [("de", "Das ist der 3. Mai. Er kommt heute nicht.")]),
        ("Guten Tag!", [("de", "Guten Tag!")]),
        ("I like it a lot. Il fait très beau aujourd'hui. So do they.", [("fr", "Il fait très beau aujourd'hui.")]),
        ("He said: “Guten Tag, wie geht es dir?” Then he left.", [("de", "Guten Tag, wie geht es dir?")]),
        ("The motto (liberté, égalité, fraternité) is French.", [("fr", "liberté, égalité, fraternité")]),
        ("Er sagte: „How are you doing today?“ und ging nach Hause.",
         [("de", "Er sagte: „"), ("de", "“ und ging nach Hause.")]),
        ("Wir fahren heute nach Hause. Nein! OK.", [("de", "Wir fahren heute nach Hause. Nein! OK.")]),
        ("Ludwig van Beethoven\n\nHe was a German composer and pianist.", []),
        ("Mr. Smith met Angela Merkel in Berlin.", []),
        ("Привет, как дела? I am fine, thank you very much.", [("ru", "Привет, как дела?")]),
        ("今天天气很好，我们去公园吧。 The rest is English, of course.", [("?zh", "今天天气很好，我们去公园吧。")]),
        ("1984", []),
        ("The WHO (World Health Organization) said so (see page 3).", []),
    ],
)  # fmt: skip
def test_each_part_has_its_language(text: str, expected: list[tuple[str, str]]) -> None:
    assert parts(text) == expected


@pytest.mark.parametrize("language", PROSE)
def test_sentences_by_themselves_have_their_language(language: str) -> None:
    wrong = [each for each in sentences(language) if DETECTOR.guess(each, ENGLISH).language != language]
    unsure = [each for each in sentences(language) if not DETECTOR.guess(each, ENGLISH).sure]
    assert wrong == []
    assert len(unsure) <= len(sentences(language)) / 50


def test_sentences_in_turn_have_their_language() -> None:
    """Text of five languages in turn is found as what it is, in all but 1 of 50 sentences."""
    rows = list(zip(*(sentences(language)[:50] for language in PROSE), strict=True))
    right = 0
    for row in rows:
        script = detected(" ".join(row))
        passage = (script.passages or (Passage(script.text),))[0]
        position = 0
        for language, sentence in zip(PROSE, row, strict=True):
            middle = position + len(sentence) // 2
            run = next((each for each in passage.runs if each.start <= middle < each.stop), None)
            right += (run.language if run else "en") == language
            position += len(sentence) + 1
    assert right >= 0.98 * 5 * len(rows)


def test_the_others_are_the_languages_of_the_voice() -> None:
    assert detectable(JOE) == ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru")
    assert detectable(XTTS) == XTTS.languages
    assert detectable(Voice("a", ("sv", "sv-se"), 22050, ""))[:2] == ("sv", "en")
    assert parts("今天天气很好，我们去公园吧。", languages=XTTS.languages) == [
        ("zh-cn", "今天天气很好，我们去公园吧。")
    ]
    assert parts("Das ist der 3. Mai.", languages=("en",)) == []


@pytest.mark.parametrize(
    ("code", "voice", "expected"),
    [
        ("de", JOE, "de"),
        ("de-at", JOE, "de"),
        ("sv", JOE, "sv"),
        ("xx", JOE, None),
        ("zh", XTTS, "zh-cn"),
        ("de", XTTS, None),
    ],
)
def test_a_language_of_markup_is_one_that_the_voice_can_speak(code: str, voice: Voice, expected: str | None) -> None:
    assert spoken(code, voice) == expected


def test_codes_match_by_their_primary_subtag() -> None:
    assert matching("en-gb", ("en", "en-gb")) == "en-gb"
    assert matching("en-au", ("de", "en-gb")) == "en-gb"
    assert matching("fr", ("de", "en-gb")) is None
    assert espeak_code("pt-br") == "pt"


def test_markup_and_structure_keep_their_passages() -> None:
    document = "<speak>One two. <break time='1s'/>Das ist der 3. Mai.</speak>"
    assert parts(document, "ssml") == [("de", "Das ist der 3. Mai.")]
    assert parts("# Das ist ein Titel\n\n- one two three\n- Ich bin heute hier", "markdown") == [
        ("de", "Das ist ein Titel"), ("de", "Ich bin heute hier")
    ]  # fmt: skip
    assert detected("Hello there.").passages == ()


@given(TEXTS | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=80), st.sampled_from(KINDS))
def test_a_text_keeps_its_words(text: str, kind: InputType) -> None:
    try:
        script = PARSER.parse(text, kind, "en")
    except NothingToSpeak:
        return
    found = DETECTOR.detected(script, ENGLISH)
    assert found.text == script.text
    assert [each.text for each in found.passages or (Passage(found.text),)] == [
        each.text for each in script.passages or (Passage(script.text),)
    ]
    for passage in found.passages:
        ends = [0, *(place for run in passage.runs for place in (run.start, run.stop)), len(passage.text)]
        assert ends == sorted(ends)
        assert all(run.start < run.stop for run in passage.runs)


@pytest.mark.parametrize(
    "part", ["a", "(", '"', "“ab ", "(Guten Tag) ", "Das ist gut. ", "你好。", "a\u0301", ". ", "(a" * 300]
)
def test_time_is_linear(part: str) -> None:
    check_that_time_is_linear(lambda text: DETECTOR.detected(Script(text, 1), ENGLISH), part, 8000)


def test_the_model_is_loaded_only_when_it_is_used() -> None:
    """A server without such requests pays neither time nor memory."""
    code = """
import sys
from server.text.language_detection import LanguageDetector
from server.text.script import Script
detector = LanguageDetector()
detector.detected(Script("Hello.", 1), ("ja",))
assert "py3langid" not in sys.modules
detector.detected(Script("Hello.", 1), ("en", "de"))
assert "py3langid" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
