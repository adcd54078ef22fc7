"""Pronunciations that a request orders: where they are found, what they change, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from server.errors import InvalidRequest, SpeechError
from server.providers.provider import Provider
from server.routes.openai_api import SpeechRequest
from server.routes.requests import TtsRequest, parse
from server.synthesis.cache.key import Keys
from server.synthesis.fallback.provider_state import Candidate, ProviderState
from server.text import ipa, transcriptions
from server.text.lexicon import MAX_PRONUNCIATIONS, Lexicon, Pronunciation, pronounced
from server.text.phonemes import Phonemizer, require_symbols
from server.text.reading import read_text, read_utterance
from server.text.script import ScriptParser
from server.utterance import Ability, Passage, Utterance, Verbalization
from tests.fake_syntheses import SECRET, TENANT, VOICE

WORCESTER = Pronunciation(text="Worcester", ipa="/ˈwʊstə/")
PARSER = ScriptParser()


def passages(text: str, *entries: Pronunciation, input_type: str = "text") -> tuple[Passage, ...]:
    script = PARSER.parse(text, input_type, "en")  # type: ignore[arg-type]
    return pronounced(script, [Lexicon(entries, "pronunciation")]).passages


def found(text: str, *entries: Pronunciation) -> list[str]:
    """What of ``text`` the entries read."""
    return [text[each.start : each.stop] for each in Lexicon(entries, "pronunciation").find(text)]


def spoken(text: str, *entries: Pronunciation) -> Utterance:
    """An utterance of a plain text."""
    own = passages(text, *entries)
    return Utterance(text, VOICE, "en", 1, len(text), passages=own, structural=bool(own))


def phonemes(text: str, *entries: Pronunciation, language: str = "en", voice: str = "en-us") -> list[str]:
    """The phonemes of each sentence."""
    [passage] = passages(text, *entries) or (Passage(text),)
    sentences = read_text(passage.text, language, passage.verbalizations)
    return ["".join(each) for each in Phonemizer().each([each.transcribed for each in sentences], voice)]


@pytest.mark.parametrize(
    ("text", "entry", "expected"),
    [
        ("Worcester, worcester's WORCESTER", {"text": "Worcester"}, ["Worcester", "worcester", "WORCESTER"]),
        ("Worcester worcester", {"text": "Worcester", "case": True}, ["Worcester"]),
        ("Worcestershire xWorcester Worcester_1", {"text": "Worcester"}, []),
        ("Worcestershire", {"text": "Worcester", "whole_word": False}, ["Worcester"]),
        ("C++ and C, objective-C++!", {"text": "C++"}, ["C++", "C++"]),
        ("use .NET, not net", {"text": ".net"}, [".NET"]),
        ("New  York", {"text": "New York"}, []),  # a text that is read has single spaces
        ("New York", {"text": " New \n York "}, ["New York"]),
        ("O\u2019Brien O'Brien", {"text": "O'Brien"}, ["O\u2019Brien", "O'Brien"]),
        ("e\u0301 cafe cafe\u0301", {"text": "cafe"}, ["cafe"]),
        ("\u0130zmir \u0130x", {"text": "\u0130zmir"}, ["\u0130zmir"]),
        ("\u6771\u4eac\u90fd", {"text": "\u6771\u4eac", "whole_word": False}, ["\u6771\u4eac"]),
    ],
)
def test_an_entry_is_found_where_it_says(text: str, entry: dict[str, object], expected: list[str]) -> None:
    assert found(text, Pronunciation(say="x", **entry)) == expected  # type: ignore[arg-type]


def test_the_longest_entry_wins_and_of_equal_ones_the_last() -> None:
    york, new_york = Pronunciation(text="York", say="a"), Pronunciation(text="New York", say="b")
    assert found("New York and York", york, new_york) == ["New York", "York"]
    lexicon = Lexicon([york, Pronunciation(text="york", say="c")], "pronunciation")
    assert [each.spoken for each in lexicon.find("York")] == ["c"]


def test_what_is_said_replaces_what_is_written() -> None:
    entry = Pronunciation(text="nginx", say="engine x")
    [sentence] = read_utterance(spoken("Run nginx on 5 km.", entry)).sentences
    assert sentence.text == "Run engine x on 5 kilometers."
    assert [word.written for word in sentence.words] == ["Run", "nginx", "on", "5 km."]
    assert [each.rule for each in sentence.stretches] == ["pronunciation", "measure"]


def test_an_order_takes_precedence_over_rules_and_markup_over_it() -> None:
    entry = Pronunciation(text="km", say="klicks")
    [passage] = passages("5 km", entry)
    assert [each.text for each in read_text(passage.text, "en", passage.verbalizations)] == ["5 klicks"]
    ssml = '<speak>1 <sub alias="one">km</sub> or km</speak>'
    [passage] = passages(ssml, entry, input_type="ssml")
    assert [each.spoken for each in passage.verbalizations] == ["one", "klicks"]


def test_a_sentence_does_not_end_within_an_entry() -> None:
    text = "We met St. Pauli fans. They sang."
    [passage] = passages(
        text, Pronunciation(text="Yahoo! Inc. Ltd", say="x"), Pronunciation(text="fans. They", say="y")
    )
    assert [each.text for each in read_text(passage.text, "en", passage.verbalizations)] == [
        "We met Saint Pauli y sang."
    ]


def test_every_block_has_its_pronunciations() -> None:
    first, second = passages("# Worcester\n\nIn Worcester.", WORCESTER)
    assert first.verbalizations[0].start == 0
    assert second.verbalizations[0].start == 3


def test_phonemes_are_those_that_are_given() -> None:
    assert phonemes("I live in Worcester, near the river.", WORCESTER) == ["aɪ lˈɪv ɪn wˈʊstə, nˌɪɹ ðə ɹˈɪvɚ."]
    assert phonemes("Worcester's WORCESTER-like \u201cWorcester\u201d.", WORCESTER) == ["wˈʊstəz wˈʊstəlˈaɪk wˈʊstə."]


def test_neighbours_suit_the_phonemes() -> None:
    """'The' and 'to' depend on what follows, the plural's ending on what precedes."""
    [sentence] = phonemes("Give the box's lid to the ape.", Pronunciation(text="box", ipa="ˈɑks"))
    assert "ðɪ" in sentence.split("ɑks")[0]
    assert "ˈɑksᵻz" in sentence
    assert phonemes("cats", Pronunciation(text="cat", ipa="kˈæt", whole_word=False)) == ["kˈæt ˈɛs"]
    assert phonemes("the cat's", Pronunciation(text="cat", ipa="kˈæt")) == ["ðə kˈæts"]


@pytest.mark.parametrize("voice", ["en-us", "en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr", "ja", "ar"])
def test_phonemes_are_found_in_every_language(voice: str) -> None:
    marked = transcriptions.mark("x", "wˈʊstə")
    texts = [f"A {marked} B.", marked, f"{marked}, {marked} {marked}!", f"\u201c{marked}\u201d ({marked})-{marked}"]
    for text, read in zip(texts, Phonemizer().each(texts, voice), strict=True):
        assert "".join(read).count("wˈʊstə") == text.count(marked)
        assert "bam" not in "".join(read)


def test_what_a_phonemizer_reads_otherwise_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcriptions, "reveal", lambda *_: None)
    assert phonemes("I live in Worcester now.", WORCESTER) == ["aɪ lˈɪv ɪn wˈʊstə nˈaʊ."]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("/ˈwʊstə/", "wˈʊstə"), ("[tʃɪːz]", "tʃɪːz"), ("ʧɪ:z", "tʃɪːz"), ("t͡ʃ", "tʃ"), ("gɝl", "ɡɜːl"),
        ("'hɛ.lo", "hˈɛlo"), ("ç", "c\u0327"), ("bɔ̃ ˌstrɪŋ", "bɔ\u0303 strˌɪŋ"), ("ˈm̩", "ˈm\u0329"),
    ],
)  # fmt: skip
def test_ipa_is_brought_to_the_voices_form(written: str, normal: str) -> None:
    assert ipa.normalize(written) == normal
    assert ipa.normalize(normal) == normal
    assert ipa.unknown_symbol(normal) is None


def test_utterances_without_entries_are_as_before() -> None:
    assert passages("Plain text.") == ()
    assert passages("Plain text.", WORCESTER) == ()
    assert spoken("Plain text.", WORCESTER) == spoken("Plain text.")


@given(st.text("ab 'AB1.\u00e9", max_size=40), st.lists(st.text("abAB'1", min_size=1, max_size=4), max_size=5))
@example("ab abab", ["ab", "abab"])
def test_ranges_are_in_order_and_hold_their_entry(text: str, written: list[str]) -> None:
    entries = [Pronunciation(text=each, say="x") for each in written if any(map(str.isalnum, each))]
    end = 0
    for each in Lexicon(entries, "pronunciation").find(text):
        assert end <= each.start < each.stop
        assert text[each.start : each.stop].lower() in {entry.text.lower() for entry in entries}
        end = each.stop


def test_entries_are_no_patterns_and_many_are_found_as_one() -> None:
    entries = [Pronunciation(text="a" * length + "b", say="x", whole_word=False) for length in range(60)]
    entries += [Pronunciation(text=f"word{number}", say="x") for number in range(5000)]
    assert found("a" * 5000, *entries) == []
    assert found("a" * 5000 + "b", *entries) == ["a" * 59 + "b"]
    assert found("(a+)+$ " * 100, Pronunciation(text="(a+)+$", say="x")) == ["(a+)+$"] * 100


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"text": "x"}, "[0]: needs say or ipa"),
        ({"say": "x"}, "[0].text: field required"),
        ({"text": "", "say": "x"}, "[0].text: string should have at least 1 character"),
        ({"text": "x" * 65, "say": "x"}, "[0].text: string should have at most 64 characters"),
        ({"text": "x", "say": "y" * 201}, "[0].say: string should have at most 200 characters"),
        ({"text": "x", "ipa": "a" * 201}, "[0].ipa: string should have at most 200 characters"),
        ({"text": "x\x00", "say": "x"}, "[0].text: must not contain U+0000"),
        ({"text": "x", "say": "\x01a\x02b\x03"}, "[0].say: must not contain U+0001"),
        ({"text": "\ud800x", "say": "x"}, ""),
        ({"text": "...", "say": "x"}, "[0].text: must contain a letter or a digit"),
        ({"text": "x", "ipa": "wʊ7"}, "[0].ipa: U+0037 is not a symbol of the International Phonetic Alphabet"),
        ({"text": "x", "ipa": "\x01"}, "[0].ipa: U+0001 is not a symbol of the International Phonetic Alphabet"),
        ({"text": "x", "ipa": "ˈ"}, "[0].ipa: must contain a letter"),
        ({"text": "x", "say": "x", "case": "yes"}, "[0].case: input should be a valid boolean"),
        ({"text": "x", "say": "x", "regex": True},
         "[0]: there is no such field; allowed fields are text, say, ipa, case, whole_word"),
        ("x", "[0]: input should be an object"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_refused_by_name(entry: object, problem: str) -> None:
    body = {"text": "x", "pronunciations": [entry]}
    with pytest.raises(SpeechError) as caught:
        parse(TtsRequest, json.dumps(body).encode())
    if problem:
        assert caught.value.param == "pronunciations"
        assert caught.value.message == f"pronunciations{problem}"


def test_a_request_has_a_limited_number_of_entries() -> None:
    entry = {"text": "x", "say": "y" * 100}
    most = json.dumps({"text": "x", "pronunciations": [entry] * MAX_PRONUNCIATIONS}).encode()
    assert len(parse(TtsRequest, most).pronunciations) == MAX_PRONUNCIATIONS
    for many in ([entry] * (MAX_PRONUNCIATIONS + 1), [{}] * 5000, [dict.fromkeys(map(str, range(5000)), 1)]):
        body = json.dumps({"text": "x", "pronunciations": many}).encode()
        with pytest.raises(InvalidRequest) as caught:
            parse(TtsRequest, body)
        assert caught.value.param == "pronunciations"


def test_openais_call_has_the_same_field() -> None:
    body = {"model": "m", "input": "x", "voice": "joe", "pronunciations": [{"text": "x", "ipa": "ɪks"}]}
    speech = parse(SpeechRequest, json.dumps(body).encode()).as_tts()
    assert speech.pronunciations == (Pronunciation(text="x", ipa="ɪks"),)


def test_a_provider_without_phonemes_is_not_asked_to_make_them() -> None:
    assert spoken("In Worcester.", WORCESTER).needs == {Ability.PHONEMES}
    both = WORCESTER.model_copy(update={"say": "Wooster"})
    assert spoken("In Worcester.", both).needs == frozenset()
    [passage] = spoken("In Worcester.", both).passages
    assert passage.spoken == passage.without_phonemes().spoken == "In Wooster."
    assert [each.ipa for each in passage.without_phonemes().verbalizations] == [""]
    assert Passage("x", verbalizations=(Verbalization(0, 1, "x", "ɪks"),)).without_phonemes() == Passage("x")


def test_the_key_of_a_clip_holds_what_an_entry_does() -> None:
    keys = Keys(SECRET)
    texts = [
        spoken("In Worcester."),
        spoken("In Worcester.", WORCESTER),
        spoken("In Worcester.", WORCESTER.model_copy(update={"ipa": "wˈɜːsɛstə"})),
        spoken("In Worcester.", Pronunciation(text="Worcester", say="Wooster")),
    ]
    assert len({keys.of(each, TENANT) for each in texts}) == len(texts)
    assert keys.of(spoken("In Worcester.", Pronunciation(text="Leeds", say="x")), TENANT) == keys.of(texts[0], TENANT)
    assert keys.of(spoken("In Worcester.", WORCESTER, Pronunciation(text="Leeds", say="x")), TENANT) == keys.of(
        texts[1], TENANT
    )


def test_a_voice_refuses_phonemes_that_it_does_not_have() -> None:
    order = Verbalization(0, 1, "x", "wʊ", True, "pronunciation")
    require_symbols([order], {"w": 0, "ʊ": 1})
    with pytest.raises(InvalidRequest, match=r"pronunciations: this voice can't make the phoneme U\+028A"):
        require_symbols([order], {"w": 0})
    require_symbols([replace(order, rule="dictionary")], {"w": 0})


def test_an_entry_must_be_said() -> None:
    with pytest.raises(ValidationError):
        Pronunciation(text="x")


@pytest.mark.parametrize(
    ("abilities", "text", "passages_left"),
    [
        ({Ability.MARKUP, Ability.PHONEMES}, "In Worcester, nginx.", True),
        ({Ability.MARKUP}, "In Worcester, nginx.", True),
        (set(), "In Worcester, engine x.", False),
    ],
)
def test_each_provider_gets_what_it_can_do(abilities: set[Ability], text: str, passages_left: bool) -> None:
    entries = [WORCESTER, Pronunciation(text="nginx", say="engine x", ipa="ˈɛndʒɪn ɛks")]
    utterance = spoken("In Worcester, nginx.", *entries)
    provider = SimpleNamespace(name="p", abilities=frozenset(abilities))
    adapted = Candidate(ProviderState(cast("Provider", provider)), VOICE).adapt(utterance)
    assert adapted.text == text
    assert bool(adapted.passages) == passages_left
    assert all(bool(each.ipa) == (Ability.PHONEMES in abilities) for each in adapted.verbalizations)


def test_phonemes_may_stand_behind_a_word() -> None:
    text = "I [read](/ɹˈɛd/) it, you read it in [New  York](/nuː ˈjɔɹk/)."
    script = PARSER.parse(text, "text", "en")
    assert script.text == "I read it, you read it in New York."
    assert (script.words, script.structural) == (9, True)
    assert [text[start:stop] for start, stop in script.spans()][1::6] == ["[read](/ɹˈɛd/)", "[New  York](/nuː ˈjɔɹk/)"]
    assert len(script.spans()) == 9
    assert script.omissions() == []
    [passage] = pronounced(script, [Lexicon([Pronunciation(text="read", ipa="ɹˈiːd")], "pronunciation")]).passages
    assert [(each.start, each.ipa, each.rule) for each in passage.verbalizations] == [
        (2, "ɹˈɛd", "markup"), (15, "ɹˈiːd", "pronunciation"), (26, "nuː jˈɔɹk", "markup"),
    ]  # fmt: skip
    sentences = read_text(passage.text, "en", passage.verbalizations)
    assert ["".join(each) for each in Phonemizer().each([each.transcribed for each in sentences], "en-us")] == [
        "aɪ ɹˈɛd ɪt, juː ɹˈiːd ɪɾ ɪn nuː jˈɔɹk."
    ]


@pytest.mark.parametrize(
    ("text", "spoken_text"),
    [
        ("See [docs](/docs/) now.", "See [docs](/docs/) now."),
        ("See [x](/ʊ7/) and [y](ʊ) and [](/ʊ/) and [z](/ˈ/).", "See [x](/ʊ7/) and [y](ʊ) and [](/ʊ/) and [z](/ˈ/)."),
        ("**[a](/ʌ/) b** and [*c*](/ʊ/)", "a b and *c*"),
        ("# [a](/ʌ/)\n\n- [b](/ʊ/)", "a\nb"),
        ("[[a](/ʌ/)]", "[a]"),
        ("[a](/ʌ/)'s", "a's"),
    ],
)
def test_an_address_is_no_phonemes(text: str, spoken_text: str) -> None:
    assert PARSER.parse(text, "text", "en").text == spoken_text


@given(
    st.lists(st.sampled_from(["[", "]", "(/", "/)", "a", "ʊ", " ", "*", "\n", "[a](/ʊ b/)", "(happy)"]), max_size=25)
)
def test_every_word_has_its_place_whatever_stands_in_brackets(parts: list[str]) -> None:
    try:
        script = PARSER.parse("".join(parts), "text", "en")
    except SpeechError:
        return
    assert len(script.spans()) == len(script.text.split())
    assert all(map(str.isprintable, script.text.split("\n")))
    for passage in script.passages:
        for each in passage.verbalizations:
            assert passage.text[each.start : each.stop] == each.spoken
            assert ipa.unknown_symbol(each.ipa) is None
