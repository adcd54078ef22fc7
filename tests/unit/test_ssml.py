"""SSML: what is read of it, what is refused and how it is named, and that nothing hostile gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import InvalidMarkup
from server.text import ssml
from server.utterance import Passage, Verbalization


def parsed(inside: str, language: str = "en") -> tuple[Passage, ...]:
    return ssml.parse(f"<speak>{inside}</speak>", language, 10.0)


def spoken(passage: Passage) -> str:
    text = passage.text
    for verbalization in reversed(passage.verbalizations):
        text = text[: verbalization.start] + verbalization.spoken + text[verbalization.stop :]
    return text


@pytest.mark.parametrize(
    ("inside", "passages"),
    [
        ("Hello  <!-- not this -->\n world.", [("Hello world.", 1.0, None)]),
        ('One <break time="500ms"/> two.', [("One", 1.0, 0.5), ("two.", 1.0, None)]),
        ('One<break time="1s"/><break strength="strong"/>two.', [("One", 1.0, 1.7), ("two.", 1.0, None)]),
        ('<break time="2s"/>One.', [("", 1.0, 2.0), ("One.", 1.0, None)]),
        ('One.<break/>', [("One.", 1.0, 0.4)]),
        ("<s>One</s><s>two</s>", [("One", 1.0, None), ("two", 1.0, None)]),
        ("<p>One.</p><p>Two.</p>", [("One.", 1.0, 0.6), ("Two.", 1.0, None)]),
        ('So <prosody rate="slow">slow, <prosody rate="50%">slower</prosody></prosody> now.',
         [("So", 1.0, 0.0), ("slow,", 0.75, 0.0), ("slower", 0.375, 0.0), ("now.", 1.0, None)]),
        ('Go. <prosody rate="+20%">Now.</prosody>', [("Go.", 1.0, None), ("Now.", 1.2, None)]),
        ("(happy) Hello &amp; good bye.", [("Hello & good bye.", 1.0, None)]),
        ("a &lt;break/&gt; b", [("a <break/> b", 1.0, None)]),
    ],
)  # fmt: skip
def test_passages(inside: str, passages: list[tuple[str, float, float | None]]) -> None:
    assert [(each.text, each.rate, each.pause) for each in parsed(inside)] == passages


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ('The <sub alias="World Wide Web Consortium">W3C</sub>.', "The World Wide Web Consortium."),
        ('<say-as interpret-as="characters">abc1</say-as>', "A B C 1"),
        ('<say-as interpret-as="telephone">555-12</say-as> now', "5 5 5, 1 2 now"),
        ('<say-as interpret-as="ordinal">3</say-as>', "third"),
        ('<say-as interpret-as="cardinal"> 1999</say-as>.', "one thousand nine hundred and ninety-nine."),
        ('<say-as interpret-as="date">2024-03-15</say-as>', "2024-03-15"),
    ],
)
def test_what_is_to_be_said_otherwise(inside: str, said: str) -> None:
    [passage] = parsed(inside)
    assert spoken(passage) == said


def test_phonemes_are_given_for_a_word_as_it_is_written() -> None:
    [passage] = parsed(
        'In  <phoneme alphabet="ipa" ph="ˈwʊstə"> Worcester</phoneme>, <lang xml:lang="en-US">here</lang>.'
    )
    assert passage.text == "In Worcester, here."
    assert passage.verbalizations == (Verbalization(3, 12, "Worcester", "wˈʊstə", needs_ipa=True),)


def test_the_namespace_and_the_language_may_be_named() -> None:
    document = (
        '<?xml version="1.0"?><speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">'
        "Hi<break/>you</speak>"
    )
    assert len(ssml.parse(document, "en", 10.0)) == 2


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("<speak>Hello", "not well-formed XML at line 1, column 12"),
        ("Hello", "not well-formed XML"),
        ("<p>Hello</p>", "the outermost element must be speak"),
        ("<speak><audio src='x'/></speak>", "audio can't be used; there are speak, p, s"),
        ("<speak><emphasis>x</emphasis></speak>", "emphasis can't be used"),
        ("<speak><xylocanary/></speak>", "an element that is not SSML's can't be used"),
        ("<speak xml:lang='de'>x</speak>", "speak's xml:lang must be the language of the request"),
        ("<speak><break time='5'/></speak>", "break's time must be like 500ms or 1.5s"),
        ("<speak><break time='11s'/></speak>", "a break may be 10 s long at most"),
        ("<speak><break>x</break></speak>", "break must be empty"),
        ("<speak><prosody pitch='high'>x</prosody></speak>", "prosody has an attribute that can't be used; there are"),
        ("<speak><prosody rate='9'>x</prosody></speak>", "prosody's rate must be from 0.25 to 4"),
        ("<speak><prosody rate='0%'>x</prosody></speak>", "prosody's rate must be from 0.25 to 4"),
        ("<speak><prosody rate='-1'>x</prosody></speak>", "prosody's rate must be one of x-slow"),
        ("<speak><say-as interpret-as='xylocanary'>x</say-as></speak>", "say-as needs interpret-as"),
        ("<speak><say-as interpret-as='ordinal'>x</say-as></speak>", "say-as ordinal needs a whole number"),
        ("<speak><voice name='joe'>x</voice></speak>", "voice can't be used"),
        ("<speak><mark name='x'/></speak>", "mark can't be used"),
        ("<speak><lang xml:lang='fr'>x</lang></speak>", "lang's xml:lang must be the language of the request"),
        ("<speak><sub>x</sub></speak>", "sub needs an alias"),
        ("<speak><phoneme>x</phoneme></speak>", "phoneme needs ph, with 1 to 200 symbols"),
        ("<speak><phoneme ph='ˈ'>x</phoneme></speak>", "phoneme needs ph, with 1 to 200 symbols"),
        (f"<speak><phoneme ph='{'a' * 201}'>x</phoneme></speak>", "phoneme needs ph, with 1 to 200 symbols"),
        ("<speak><phoneme ph='b7'>x</phoneme></speak>", "phoneme's ph has U+0037, which is not a symbol"),
        ("<speak><phoneme alphabet='x-sampa' ph='a'>x</phoneme></speak>", "phoneme's alphabet must be ipa"),
        ("<speak><phoneme ph='a'/></speak>", "phoneme must hold text and no element"),
        ("<speak><sub alias='y'><s>x</s></sub></speak>", "sub must hold text and no element"),
        ("<!DOCTYPE speak [<!ENTITY a 'b'>]><speak>&a;</speak>", "a document type or entities are not allowed"),
        ("<!DOCTYPE speak SYSTEM 'file:///etc/passwd'><speak/>", "a document type or entities are not allowed"),
        ("<speak>" + "<s>" * 20 + "</s>" * 20 + "</speak>", "16 deep, at most"),
        ("<speak>" + "<break/>" * 1001 + "</speak>", "1000 elements"),
    ],
)  # fmt: skip
def test_what_is_refused(document: str, problem: str) -> None:
    with pytest.raises(InvalidMarkup) as refused:
        ssml.parse(document, "en", 10.0)
    assert problem in refused.value.message
    assert "xylocanary" not in refused.value.message
    assert refused.value.param == "text"


@pytest.mark.parametrize("text", ["<speak>x</speak>", "  <speak version='1'>", '<?xml version="1.0"?>\n<speak/>'])
def test_markup_is_known_by_its_beginning(text: str) -> None:
    assert ssml.looks_like_ssml(text)


@pytest.mark.parametrize("text", ["I <speak> you", "<speaker>", "speak", "2 < 3"])
def test_other_texts_are_no_markup(text: str) -> None:
    assert not ssml.looks_like_ssml(text)


PIECES = st.lists(
    st.sampled_from(["a", " ", "b.", "<s>", "</s>", "<p>", "</p>", "<break/>", '<break time="1s"/>', "&amp;", "&x;",
                     "<", '<prosody rate="fast">', "</prosody>",
                     '<sub alias="c  d">', "</sub>", "\ufeff", "<![CDATA[x]]>"]),
    max_size=30,
).map("".join)  # fmt: skip


@given(PIECES)
def test_whatever_comes_is_read_or_refused(inside: str) -> None:
    try:
        passages = parsed(inside)
    except InvalidMarkup:
        return
    assert all(passage.text or number == 0 for number, passage in enumerate(passages))
    for passage in passages:
        assert passage.text == " ".join(passage.text.split())
        ends = 0
        for verbalization in passage.verbalizations:
            assert ends <= verbalization.start < verbalization.stop <= len(passage.text)
            ends = verbalization.stop


LANGUAGES = {"de": "de", "fr": "fr", "zh": "zh-cn"}


def runs(inside: str) -> list[tuple[str, str]]:
    passages = ssml.parse(f"<speak>{inside}</speak>", "en", 10.0, languages=LANGUAGES.get)
    return [(run.language, passage.text[run.start : run.stop]) for passage in passages for run in passage.runs]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("Say <lang xml:lang='de'>Guten Tag</lang> now.", [("de", "Guten Tag")]),
        ("<s xml:lang='fr'>Bonjour.</s><s>Hello.</s>", [("fr", "Bonjour.")]),
        ("<p xml:lang='DE'>Eins. <s>Zwei.</s></p>", [("de", "Eins."), ("de", "Zwei.")]),
        ("<lang xml:lang='de'>Eins <lang xml:lang='en'>two</lang> drei</lang>", [("de", "Eins"), ("de", "drei")]),
        ("<lang xml:lang='de'>Eins <sub alias='zwei'>2</sub> <say-as interpret-as='ordinal'>3</say-as></lang>",
         [("de", "Eins 2 3")]),
        ("<lang xml:lang='en-GB'>Hello</lang>", []),
        ("<lang xml:lang='zh'>你好</lang>", [("zh-cn", "你好")]),
    ],
)  # fmt: skip
def test_parts_may_be_in_other_languages(inside: str, expected: list[tuple[str, str]]) -> None:
    assert runs(inside) == expected


def test_numbers_are_said_in_the_language_of_their_part() -> None:
    document = "<speak><lang xml:lang='de'><say-as interpret-as='cardinal'>3</say-as></lang></speak>"
    [passage] = ssml.parse(document, "en", 10.0, languages=LANGUAGES.get)
    assert passage.spoken == "drei"


def test_a_language_that_the_voice_can_not_speak_is_refused() -> None:
    with pytest.raises(InvalidMarkup, match="lang's xml:lang must be the language of the request, or one that"):
        runs("<lang xml:lang='xx'>x</lang>")


def test_a_document_has_few_languages() -> None:
    parts = "".join(f"<lang xml:lang='{code}'>x</lang>" for code in "abcdefghi")
    document = f"<speak>{parts}</speak>"
    with pytest.raises(InvalidMarkup, match="parts in 8 other languages at most"):
        ssml.parse(document, "en", 10.0, languages=lambda code: code)
    assert ssml.parse(document.replace("<lang xml:lang='a'>x</lang>", ""), "en", 10.0, languages=lambda code: code)
