"""Dictionaries: their three forms, what is refused, what is read again, and which entries a language has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.text.dictionaries import Dictionaries
from server.text.dictionary_files import MAX_BYTES, MAX_ENTRIES, DictionaryEntry, DictionaryError, read, write_csv
from server.text.lexicon import Lexicon, Pronunciation, pronounced
from server.text.script import Script
from server.utterance import LanguageRun, Passage

WORCESTER = Pronunciation(text="Worcester", ipa="ˈwʊstə")
PLS = """<?xml version="1.0" encoding="UTF-8"?>
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="ipa" xml:lang="en-GB">
  <!-- towns -->
  <lexeme><grapheme>Worcester</grapheme><grapheme>Wooster</grapheme><phoneme>ˈwʊstə</phoneme></lexeme>
  <lexeme><grapheme>W3C</grapheme><alias>World Wide Web Consortium</alias></lexeme>
  <lexeme><grapheme>huge</grapheme><phoneme>hjuːdʒ</phoneme><phoneme prefer="true">juːdʒ</phoneme></lexeme>
</lexicon>
"""


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def said(dictionaries: Dictionaries, text: str, language: str = "en") -> list[str]:
    return [each.ipa or each.spoken for each in dictionaries.lexicon(language).find(text)]


def test_csv_has_the_columns_in_any_order(tmp_path: Path) -> None:
    text = '\ufeffsay,text,case,language,whole_word\r\n"engine, x",nginx,,,\r\n\r\nb,a,TRUE,EN_us,no\r\n'
    assert read(write(tmp_path, "a.csv", text)) == [
        DictionaryEntry(Pronunciation(text="nginx", say="engine, x")),
        DictionaryEntry(Pronunciation(text="a", say="b", case=True, whole_word=False), "en-us"),
    ]


def test_pls_has_graphemes_phonemes_and_aliases(tmp_path: Path) -> None:
    entries = read(write(tmp_path, "a.pls", PLS))
    assert [(each.pronunciation.text, each.pronunciation.say, each.pronunciation.ipa) for each in entries] == [
        ("Worcester", "", "wˈʊstə"),
        ("Wooster", "", "wˈʊstə"),
        ("W3C", "World Wide Web Consortium", ""),
        ("huge", "", "juːdʒ"),
    ]
    assert {(each.language, each.pronunciation.case) for each in entries} == {("en-gb", True)}


def test_text_has_two_spaces_and_the_language_in_its_name(tmp_path: Path) -> None:
    entries = read(write(tmp_path, "brands.en-US.txt", "Worcester  ˈwʊstə\n\nnginx  ˈɛn.dʒɪn ˈɛks\n"))
    assert entries[0] == DictionaryEntry(WORCESTER, "en-us")
    assert entries[1].pronunciation.ipa == "ˈɛndʒɪn ˈɛks"
    assert read(write(tmp_path, "brands.txt", "a  b"))[0].language == ""


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    entries = [DictionaryEntry(WORCESTER, "en"), DictionaryEntry(Pronunciation(text='a "b", c', say="x", case=True))]
    assert read(write(tmp_path, "a.csv", write_csv(entries))) == entries


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.json", "{}", "the file's name must end in .csv, .pls, .txt"),
        ("a.csv", b"text,say\n\xff,x", "the file is not UTF-8 at byte 9"),
        ("a.csv", "", "line 1: the columns must be text and others of"),
        ("a.csv", "text,text,say\n", "line 1: the columns"),
        ("a.csv", "text,regex\n", "line 1: the columns"),
        ("a.csv", "text,say\na,b,c\n", "line 2: there are more fields than columns"),
        ("a.csv", 'text,say\na,b\n"c,d\n', "line 3: it is not CSV"),
        ("a.csv", f"text,say\na,{'b' * 200_000}\n", "line 2: it is not CSV"),
        ("a.csv", "text,say\na,b\nc,\n", "line 3: needs say or ipa"),
        ("a.csv", "text,ipa\na,b7\n", "line 2: ipa: U+0037 is not a symbol"),
        ("a.csv", "text,say\n\x01a,b\n", "line 2: text: must not contain U+0001"),
        ("a.csv", "text,say,case\na,b,maybe\n", "line 2: case must be true or false"),
        ("a.csv", "text,say,language\na,b,../../etc\n", "line 2: language must be a code"),
        ("a.txt", "a b\n", "line 1: it must be a word, two spaces and its phonemes"),
        ("a.b c.txt", "a  b\n", "line 1: language must be a code"),
        ("a.pls", "<lexicon>", "line 1: it is not well-formed XML"),
        ("a.pls", "<lexicon/>", "the outermost element must be PLS's lexicon"),
        ("a.pls", PLS.replace('alphabet="ipa"', 'alphabet="x-sampa"'), "lexeme 1: the alphabet must be ipa"),
        ("a.pls", PLS.replace("<phoneme>ˈwʊstə</phoneme>", ""), "lexeme 1: it needs a phoneme or an alias"),
        ("a.pls", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "a document type, entities or another encoding"),
        ("a.pls", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a document type, entities or another encoding"),
    ],
)
def test_a_mistake_is_named_by_its_place(tmp_path: Path, name: str, text: str | bytes, problem: str) -> None:
    with pytest.raises(DictionaryError) as caught:
        read(write(tmp_path, name, text))
    assert str(caught.value).startswith(problem)


def test_files_have_bounds(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match="larger"):
        read(write(tmp_path, "a.csv", b"a" * (MAX_BYTES + 1)))
    rows = "".join(f"w{number},x\n" for number in range(MAX_ENTRIES + 1))
    with pytest.raises(DictionaryError, match="more than"):
        read(write(tmp_path, "a.csv", f"text,say\n{rows}"))


def test_all_files_together_have_a_bound(tmp_path: Path) -> None:
    rows = "".join(f"w{number},x\n" for number in range(MAX_ENTRIES))
    for name in ("a.csv", "b.csv"):
        write(tmp_path, name, f"text,say\n{rows}")
    dictionaries = Dictionaries(tmp_path)
    dictionaries.load()
    assert len(dictionaries.entries) == MAX_ENTRIES


def test_a_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    dictionaries = Dictionaries(tmp_path / "none")
    assert not dictionaries.load()
    assert dictionaries.prepared("en")
    assert said(dictionaries, "any") == []


def test_languages_have_their_entries(tmp_path: Path) -> None:
    rows = "text,say,language\nx,british,en-gb\nx,english,en\nx,any,\nx,german,de\n"
    write(tmp_path, "a.csv", rows)
    dictionaries = Dictionaries(tmp_path)
    dictionaries.load()
    found = {language: said(dictionaries, "x", language)[0] for language in ("en-gb", "en-us", "de-at", "fr")}
    assert found == {"en-gb": "british", "en-us": "english", "de-at": "german", "fr": "any"}
    assert DictionaryEntry(WORCESTER, "en-us").fits("en")
    assert not DictionaryEntry(WORCESTER, "en-us").fits("en-gb")
    assert not DictionaryEntry(WORCESTER, "en").fits("eng")


def test_languages_with_the_same_entries_share_a_lexicon(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,say,language\na,b,\nc,d,de\n")
    dictionaries = Dictionaries(tmp_path)
    dictionaries.load()
    assert dictionaries.lexicon("fr") is dictionaries.lexicon("sw")
    assert dictionaries.lexicon("de") is dictionaries.lexicon("de-at")
    assert (said(dictionaries, "a c", "fr"), said(dictionaries, "a c", "de")) == (["b"], ["b", "d"])


def test_each_part_of_a_text_has_the_dictionary_of_its_language(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,say,language\nDie,dye,en\nDie,dee,de\n")
    dictionaries = Dictionaries(tmp_path)
    dictionaries.load()
    passage = Passage("Die hard. Die Tür. Die here.", runs=(LanguageRun(10, 19, "de"),))
    script = Script(passage.text, 6, (passage,), structural=True)
    own = Lexicon([Pronunciation(text="here", say="hier")], "pronunciation")
    [read_passage] = pronounced(script, [own, dictionaries.lexicon("en")], {"de": dictionaries.lexicon("de")}).passages
    assert read_passage.spoken == "dye hard. dee Tür. dye hier."


def test_changed_files_are_read_again_and_a_mistake_changes_nothing(tmp_path: Path) -> None:
    dictionaries = Dictionaries(tmp_path)
    path = write(tmp_path, "a.csv", "text,say\nx,one\n")
    write(tmp_path, "notes.md", "no dictionary")
    assert dictionaries.load()
    assert not dictionaries.prepared("en")
    assert said(dictionaries, "x") == ["one"]
    assert dictionaries.prepared("en")
    assert not dictionaries.load()

    write(tmp_path, "b.csv", "text,say\nx,two\n")
    assert dictionaries.load()
    assert said(dictionaries, "x") == ["two"]

    write(tmp_path, "b.csv", "text,say\nx,three\ny,\n")
    assert dictionaries.load()
    assert said(dictionaries, "x") == ["two"]
    assert dictionaries.problems == {"b.csv": "line 3: needs say or ipa"}

    (tmp_path / "b.csv").unlink()
    assert dictionaries.load()
    assert said(dictionaries, "x") == ["one"]
    assert dictionaries.problems == {}

    status = path.stat()
    path.write_text("text,say\nx,six\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert dictionaries.load()
    assert said(dictionaries, "x") == ["six"]


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    (tmp_path / "b.csv").symlink_to(tmp_path / "missing")
    dictionaries = Dictionaries(tmp_path)
    dictionaries.load()
    assert dictionaries.entries == ()
    assert dictionaries.problems == {"a.csv": "it can't be read"}
