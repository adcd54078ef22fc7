"""Readings: every letter is read or named as skipped, every stretch stands where it says, phonemes are each word's."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.errors import InvalidMarkup, NothingToSpeak, UnspeakableText
from server.routes.text_reading import describe
from server.text.__main__ import main
from server.text.emotions import MASK
from server.text.phonemes import EspeakVoices, Phonemizer
from server.text.script import InputType, ScriptParser
from server.text.source_reading import SourceReading, StretchReading, read_source
from server.utterance import Utterance
from tests.humming_provider import JOE
from tests.unit.test_script import KINDS, TEXTS

PARSER = ScriptParser()
EMOTICONS = st.lists(
    st.sampled_from([":D ", "xD ", "Hello. ", "🇫🇷 ", "====", "你好。", "T. ", "\n\n", "!! "]), max_size=12
)


def reading(text: str, kind: InputType = "text", language: str = "en", speed: float = 1.0) -> SourceReading:
    return read_source(PARSER.parse(text, kind, language, speed), language, speed)


def stretches(source_reading: SourceReading) -> list[StretchReading]:
    return [stretch for sentence in source_reading.sentences for stretch in sentence.stretches]


@given(
    TEXTS | EMOTICONS.map("".join) | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60),
    st.sampled_from(KINDS),
)
@example("Hello. :D", "text")
@example("&amp;\n1. a", "markdown")
@example("Yes. &amp; &amp;", "markdown")
@example("Hello.:D\n\n(happy) :D", "markdown")
def test_every_letter_is_in_a_stretch_or_skipped(text: str, kind: InputType) -> None:
    try:
        source_reading = reading(text, kind)
    except (NothingToSpeak, InvalidMarkup):
        return
    ranges = [*(each.span for each in stretches(source_reading)), *(span for span, _ in source_reading.omissions)]
    named = bytearray(len(text))
    for span in ranges:
        assert span is not None
        assert 0 <= span.start < span.stop <= len(text)
        named[slice(*span)] = b"\1" * (span.stop - span.start)
    assert [place for place, letter in enumerate(text) if letter.isalnum() and not named[place]] == []


@given(TEXTS | EMOTICONS.map("".join))
def test_a_stretch_stands_where_it_says(text: str) -> None:
    try:
        source_reading = reading(text)
    except NothingToSpeak:
        return
    source = PARSER.parse(text, "text", "en").source
    starts = [stretch.span.start for stretch in stretches(source_reading) if stretch.span]
    assert starts == sorted(starts)
    for stretch in stretches(source_reading):
        assert stretch.span is not None
        within = unicodedata.normalize("NFC", source[slice(*stretch.span)].replace(MASK, ""))
        assert set(stretch.written) - set(within) <= {" "}


def test_a_stretch_has_its_rule_and_its_place() -> None:
    text = "(happy) In St. Louis\r\n it was -20°C (WHO).\n\nNext: $5-10 million!"
    rows = [(each.written, each.spoken, each.rule, each.span) for each in stretches(reading(text))]
    assert [(written, spoken, rule, text[slice(*span)]) for written, spoken, rule, span in rows if span] == [
        ("In", "In", None, "In"),
        ("St.", "Saint", "street", "St."),
        ("Louis", "Louis", None, "Louis"),
        ("it", "it", None, "it"),
        ("was", "was", None, "was"),
        ("-20°C", "minus 20 degrees Celsius", "measure", "-20°C"),
        ("(WHO).", "(W H O).", "letters", "(WHO)."),
        ("Next:", "Next:", None, "Next:"),
        ("$5-10 million!", "5 to 10 million dollars!", "money_range", "$5-10 million!"),
    ]
    assert len(rows) == 9


def test_markdown_is_found_under_its_markup() -> None:
    text = "# **Shop**\n\n- [bread](https://a.b) &amp; `2 eggs`\n- milk"
    source_reading = reading(text, "markdown")
    written = [(each.written, text[slice(*each.span)]) for each in stretches(source_reading) if each.span]
    assert written == [
        ("Shop", "Shop"), ("bread", "bread"), ("&", "&amp;"), ("2", "2"), ("eggs", "eggs"), ("milk", "milk")
    ]  # fmt: skip
    assert [(text[slice(*span)], reason) for span, reason in source_reading.omissions] == [("](https://a.b)", "markup")]
    assert [sentence.pause for sentence in source_reading.sentences] == [0.6, 0.3, 0.0]


def test_what_has_no_sound_is_named() -> None:
    text = "Hello. :D"
    source_reading = reading(text)
    assert [(text[slice(*span)], reason) for span, reason in source_reading.omissions] == [(":D", "nothing to speak")]
    assert [each.spoken for each in stretches(reading("Hello :D you"))] == ["Hello", "", "you"]


def test_ssml_has_no_places() -> None:
    markup = "<speak>One <sub alias='two'>2</sub>.<break time='1s'/>(happy) Three.</speak>"
    source_reading = reading(markup, "ssml", speed=2.0)
    assert [(each.written, each.spoken, each.rule, each.span) for each in stretches(source_reading)] == [
        ("One", "One", None, None), ("2.", "two.", "markup", None), ("Three.", "Three.", None, None)
    ]  # fmt: skip
    assert source_reading.omissions == ()
    assert source_reading.silence == 1.0


def test_sentences_without_a_space_have_their_own_places() -> None:
    text = "Ja 你好。世界。"
    source_reading = reading(text, language="zh")
    spans = [each.span for each in stretches(source_reading)]
    assert spans == [(0, 2), (3, 6), (6, 9)]


def test_phonemes_are_those_of_each_word() -> None:
    source_reading = read_source(
        PARSER.parse("One of the 5 km is (happy) here. :) Two.", "text", "en"),
        "en",
        1.0,
        EspeakVoices().phonemize("en-us"),
    )
    assert [(each.written, each.phonemes) for each in stretches(source_reading)] == [
        ("One", "wˈʌn"),  # noqa: RUF001
        ("of", "ʌv"),
        ("the", "ðə"),
        ("5 km", "fˈaɪv kɪlˈɑːmɪɾɚz"),  # noqa: RUF001
        ("is", "ɪz"),  # noqa: RUF001
        ("here.", "hˈɪɹ"),  # noqa: RUF001
        (":)", ""),
        ("Two.", "tˈuː"),  # noqa: RUF001
    ]


def test_words_are_remembered_and_longer_texts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []
    each = Phonemizer.each

    def note(self: Phonemizer, texts: Sequence[str], voice: str) -> list[list[str]]:
        requested.extend(texts)
        return each(self, texts, voice)

    monkeypatch.setattr(Phonemizer, "each", note)
    phonemize = EspeakVoices().phonemize("en-us")
    assert phonemize is not None
    texts = ["two", "This text is longer than a word.", "two", "words"]
    results = [phonemize(texts) for _ in range(2)]
    assert results[0] == results[1]
    assert [len(result) for result in results] == [4, 4]
    assert requested == ["two", "This text is longer than a word.", "words", "This text is longer than a word."]


def test_no_tenant_is_answered_sooner_for_words_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []
    each = Phonemizer.each

    def note(self: Phonemizer, texts: Sequence[str], voice: str) -> list[list[str]]:
        requested.extend(texts)
        return each(self, texts, voice)

    voices = EspeakVoices()
    alpha, beta = voices.phonemize("en-us", "alpha"), voices.phonemize("en-us", "beta")
    monkeypatch.setattr(Phonemizer, "each", note)
    assert alpha is not None
    assert beta is not None
    assert list(alpha(["secret"])) == list(beta(["secret"])) == list(beta(["secret"]))
    assert requested == ["secret", "secret"]


def test_languages_that_espeak_does_not_read_have_no_phonemes() -> None:
    voices = EspeakVoices()
    assert voices.phonemize("ja") is None
    assert voices.phonemize("xx") is None
    assert voices.phonemize("de-at") is not None


def test_a_failure_of_espeak_is_the_readings() -> None:
    def fail(texts: Sequence[str]) -> Sequence[Sequence[str]]:
        raise UnspeakableText("the text can't be turned into phonemes", param="text")

    with pytest.raises(UnspeakableText):
        read_source(PARSER.parse("One.", "text", "en"), "en", 1.0, fail)


def test_the_answer_has_all_fields() -> None:
    text = "(sad) St. Louis."
    script = PARSER.parse(text, "text", "en")
    utterance = Utterance(script.text, JOE, "en", script.words, len(script.text))
    assert describe(read_source(script, "en", 1.0), utterance, 1.234) == {
        "language": "en",
        "languages": ["en"],
        "words": 2,
        "word_count_range": "1-10",
        "characters": 10,
        "character_count_range": "1-50",
        "estimated_seconds": 1.2,
        "sentences": [
            {
                "stretches": [
                    {
                        "written": "St.",
                        "start": 6,
                        "stop": 9,
                        "spoken": "Saint",
                        "phonemes": None,
                        "rule": "street",
                        "language": "en",
                        "missing_phonemes": [],
                    },
                    {
                        "written": "Louis.",
                        "start": 10,
                        "stop": 16,
                        "spoken": "Louis.",
                        "phonemes": None,
                        "rule": None,
                        "language": "en",
                        "missing_phonemes": [],
                    },
                ],
                "pause_seconds": 0.0,
                "language": "en",
                "unsupported_language": None,
            }
        ],
        "skipped": [{"start": 0, "stop": 5, "reason": "emotion tag"}],
    }


def test_phonemes_that_a_voice_leaves_out_are_named() -> None:
    script = PARSER.parse("One two.", "text", "en")
    reading_of = read_source(script, "en", 1.0, lambda texts: [list("w\u01c3 tu") for _ in texts])
    utterance = Utterance(script.text, JOE, "en", script.words, len(script.text))
    [sentence] = describe(reading_of, utterance, 1.0, {"w", "t", "u"})["sentences"]
    assert [stretch["missing_phonemes"] for stretch in sentence["stretches"]] == [["\u01c3"], []]


def test_the_command_line_finds_languages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["It is good to be here. Das ist der 3. Mai.", "--language", "auto"]) == 0
    table = capsys.readouterr().out
    for cell in ("Language", "en-us", "dritte", "de"):
        assert cell in table


def test_the_command_line_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["(happy) In *St. Louis*.\n\n[x](http://a.b/c)", "--input-type", "markdown"]) == 0
    table = capsys.readouterr().out
    for cell in ("St.", "Saint", "sˈeɪnt", "street", "0.6 s of silence", "skipped: emotion tag", "skipped: markup"):  # noqa: RUF001
        assert cell in table
    assert main(["Am 3. Mai", "--language", "de"]) == 0
    assert "dritten Mai" in capsys.readouterr().out


def test_the_command_line_says_what_can_not_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["(happy)"]) == 1
    assert "nothing to speak" in capsys.readouterr().err
