"""espeak is given nothing that it has no room for, and ordinary text as it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import UnspeakableText
from server.text import phonemes
from server.text.espeak_bounds import CLAUSE_CHARACTERS, DOTTED_LETTERS, WORD_CHARACTERS, pieces
from server.text.phonemes import Phonemizer

KILLERS = [
    "a." * 97, "s'" * 110, "'s" * 220, "'s's" * 100, "र.ड.स." * 30, "_I." * 200, "ظ、خ、ص、" * 40, "á." * 400,
    "\U0001d7d8.\U00010333.\U0001d7d9.\U00010401." * 20,
]  # fmt: skip
"""Each ends espeak, or writes past one of its buffers, if it is given them as they are."""
UNITS = [
    "a",
    "A",
    ".",
    "'",
    "\u2019",
    "é",
    "\u0301",
    "र",
    "字",
    "1",
    " ",
    ",",
    "-",
    "_",
    "🙂",
    "𐌰",
    "s",
    "、",
    "/",
    "\n",
]


@pytest.mark.parametrize(
    "text",
    [
        "Hello world, this is a test.",
        "The U.S.A. and the U.S.S.R., i.e. two of them, e.g. at 5 p.m. on 3.4.2025.",
        "rock'n'roll's best: the '90s; don't, won't, I'd've",
        "A, B, C, D, E, F, G, H, I, J, K, L, M",
        "A B C D E F G H I J K L M",
        "version 1.2.3.4.5.6.7.8.9.10.11",
        "Donaudampfschifffahrtselektrizitäten",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert pieces(text) == [text]


def test_of_many_dotted_letters_the_first_eight_keep_their_dots() -> None:
    assert pieces("a." * 12) == ["a.a.a.a.a.a.a.a.a a a a."]


@pytest.mark.parametrize("sign", ["/", "\\", "|", "~", "@", "#", "^"])
def test_a_sign_stands_apart_from_the_dot_of_an_abbreviation(sign: str) -> None:
    assert pieces(f"D.{sign}x") == [f"D. {sign}x"]


def test_a_long_word_is_cut_before_a_sign() -> None:
    assert pieces("tests/integration/test_fallback.py/and/more/of/it") == [
        "tests/integration/test_fallback.py/and /more/of/it"
    ]


@given(st.lists(st.sampled_from(UNITS), min_size=1, max_size=12), st.integers(1, 300))
def test_every_piece_is_within_the_bounds(units: list[str], times: int) -> None:
    text = ("".join(units) * times)[:3000]
    for piece in pieces(text):
        assert len(piece) <= CLAUSE_CHARACTERS
        assert len(piece.encode()) + len(piece) <= 800
        assert all(len(word) <= WORD_CHARACTERS for word in piece.split())
        row = max(re.findall(r"(?:(?<![^\W0-9_])[^\W0-9_][.'_/-]+)+", piece), key=len, default="")
        assert len(re.findall(r"[^\W0-9_]", row)) <= 2 * DOTTED_LETTERS


@given(st.text(max_size=600))
def test_no_letter_and_no_digit_is_lost(text: str) -> None:
    def spoken(text: str) -> str:
        return "".join(character for character in text if character.isalnum())

    assert spoken("".join(pieces(text))) == spoken(text)


@pytest.mark.parametrize("text", KILLERS, ids=range(len(KILLERS)))
def test_what_would_kill_espeak_is_spoken(text: str) -> None:
    restarts = _restarts()
    for voice in ("en-us", "vi", "ar", "tr"):
        assert Phonemizer().sentence(text, voice)
    assert _restarts() == restarts


@pytest.mark.parametrize(("joint", "unheard"), [(", ", ""), (" and ", "ˈˌ")], ids=["comma", "none"])
def test_a_long_sentence_sounds_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch, joint: str, unheard: str) -> None:
    """It is cut at a comma; where there is none between two words, which may be stressed otherwise, without a stop."""
    text = joint.join(["the quick brown fox jumps over the lazy dog near the old river bank"] * 8) + "."
    assert len(pieces(text)) > 1

    def heard() -> list[str]:
        sentences = ("".join(sentence) for sentence in Phonemizer().phonemize(text, "en-us"))
        return ["".join(symbol for symbol in sentence if symbol not in unheard) for sentence in sentences]

    in_pieces = heard()
    monkeypatch.setattr(phonemes, "pieces", lambda text: [text])
    assert heard() == in_pieces


def test_a_text_that_kills_espeak_all_the_same_is_its_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    phonemizer = Phonemizer()
    hello = phonemizer.phonemize("Hello.", "en-us")
    monkeypatch.setattr(phonemes, "pieces", lambda text: [text])
    for _ in range(6):
        restarts = _restarts()
        try:
            phonemizer.phonemize("a." * 2000, "en-us")
        except UnspeakableText:
            break
        # The overflow hit unused memory, as in 6 of 100 layouts of a process: a new fork server has another one.
        phonemes.pool().close()
        phonemes.pool.cache_clear()
    else:
        pytest.fail("the text never ended espeak")
    assert _restarts() == restarts + 1
    assert phonemizer.phonemize("Hello.", "en-us") == hello


def _restarts() -> int:
    return sum(worker.generation for worker in phonemes.pool().workers if worker.start() is None)
