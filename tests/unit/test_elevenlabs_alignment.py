"""The times of characters: they are those of the words, and as long as the audio."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.audio.formats import MP3, audio_format
from server.streaming.elevenlabs_alignment import AlignmentClock, call_alignment, socket_alignment
from server.utterance import Word

HELLO = (Word("Hi", 0.1, 0.5), Word("you.", 0.6, 1.0))
OH = (Word("Oh.", 1.3, 1.6),)
Piece = tuple[tuple[Word, ...], float]
"""The words and the seconds of a piece of audio."""


@st.composite
def audio(draw: st.DrawFn) -> list[Piece]:
    """Draws sentences as the engine gives them: their words come with the first of their pieces."""
    pieces: list[Piece] = []
    begin = 0.0
    for written in draw(st.lists(st.lists(st.text("abc5 km", min_size=1, max_size=6), max_size=4), max_size=4)):
        words, at = [], begin
        for each in written:
            at += draw(st.floats(0, 0.3))
            end = at + draw(st.floats(0.01, 0.6))
            words.append(Word(each, at, end))
            at = end
        seconds = at - begin + draw(st.floats(0.01, 0.4))
        cuts = sorted(draw(st.lists(st.floats(0, seconds), max_size=3)))
        lengths = [stop - start for start, stop in pairwise([0.0, *cuts, seconds])]
        pieces += [(tuple(words) if n == 0 else (), length) for n, length in enumerate(lengths)]
        begin += seconds
    return pieces


def test_the_characters_of_a_word_share_its_time() -> None:
    _, characters = AlignmentClock(audio_format("pcm", 8000)).align(bytes(20_000), HELLO)
    assert call_alignment(characters) == {
        "characters": ["H", "i", " ", "y", "o", "u", ".", " "],
        "character_start_times_seconds": [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
        "character_end_times_seconds": [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25],
    }


def test_times_of_a_socket_count_from_the_beginning_of_the_messages_audio() -> None:
    clock = AlignmentClock(MP3)
    begin, characters = clock.align(b"", HELLO, 0.7)
    first = socket_alignment(characters, begin)
    assert first is not None
    assert first["charStartTimesMs"] == [100, 300, 500, 600, 700, 800, 900, 1000]
    assert first["charDurationsMs"] == [200, 200, 100, 100, 100, 100, 100, 0]
    begin, characters = clock.align(b"", (), 0.5)
    silence = {"chars": [" "], "charStartTimesMs": [0], "charDurationsMs": [200]}
    assert socket_alignment(characters, begin) == silence
    assert clock.align(b"rest", ())[1] == []
    begin, characters = clock.align(b"", OH, 0.6)
    assert socket_alignment(characters, begin) == {
        "chars": ["O", "h", ".", " "],
        "charStartTimesMs": [100, 200, 300, 400],
        "charDurationsMs": [100, 100, 100, 200],
    }


def test_samples_begin_where_the_bytes_before_them_end() -> None:
    clock = AlignmentClock(audio_format("pcm", 8000))
    clock.align(bytes(16_000), HELLO, 1.1)  # 0.1 s are in the next message
    assert clock.align(bytes(16_000), OH, 0.9)[0] == 1.0


def test_nothing_is_aligned_where_nothing_is_said() -> None:
    assert socket_alignment([], 0.0) is None
    assert call_alignment([]) is None


@given(audio())
def test_alignments_are_as_long_as_the_audio(pieces: list[Piece]) -> None:
    clock, aligned, position = AlignmentClock(MP3), 0, 0.0
    for words, seconds in pieces:
        begin, characters = clock.align(b"", words, seconds)
        message = socket_alignment(characters, begin)
        if message is not None:
            assert len(message["chars"]) == len(message["charStartTimesMs"]) == len(message["charDurationsMs"])
            assert all(duration >= 0 for duration in message["charDurationsMs"])
            if words:  # added up, they are where the message begins, so its words are where they are spoken
                assert aligned == pytest.approx(position * 1e3, abs=1)
                assert message["charStartTimesMs"][0] == pytest.approx((words[0].start - position) * 1e3, abs=1)
            aligned += message["charStartTimesMs"][-1] + message["charDurationsMs"][-1]
        position += seconds
    assert aligned == pytest.approx(position * 1e3, abs=1)


@given(audio())
def test_times_are_in_order_and_end_with_the_audio(pieces: list[Piece]) -> None:
    clock = AlignmentClock(MP3)
    characters = [each for words, seconds in pieces for each in clock.align(b"", words, seconds)[1]]
    edges = [edge for each in characters for edge in (each.start, each.end)]
    assert edges == sorted(edges)
    assert edges[-1:] == pytest.approx([sum(seconds for _, seconds in pieces)] if pieces else [])
