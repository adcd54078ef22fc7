"""The times of characters: they are those of the words, and as long as the audio."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.audio.formats import MP3, Format, audio_format
from server.streaming.audio_stream import EncodedAudio
from server.streaming.elevenlabs_alignment import AlignmentClock, alignment
from server.utterance import Word

HELLO = (Word("Hi", 0.1, 0.5), Word("you.", 0.6, 1.0))


@st.composite
def audio(draw: st.DrawFn) -> list[EncodedAudio]:
    """Draws sentences as the engine gives them: their words come with the first of their pieces."""
    pieces, begin = [], 0.0
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
        pieces += [EncodedAudio(b"", tuple(words) if n == 0 else (), length) for n, length in enumerate(lengths)]
        begin += seconds
    return pieces


def clock(form: Format = MP3, *, timed: bool = True, continuous: bool = False) -> AlignmentClock:
    return AlignmentClock(form, timed=timed, continuous=continuous)


def test_the_characters_of_a_word_share_its_time() -> None:
    assert alignment(HELLO) == {
        "characters": ["H", "i", " ", "y", "o", "u", ".", " "],
        "character_start_times_seconds": [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
        "character_end_times_seconds": [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0],
    }


def test_times_count_from_the_beginning_of_the_messages_audio() -> None:
    times = clock()
    first = times.align(EncodedAudio(b"", HELLO, 0.7))
    assert first is not None
    assert first["charStartTimesMs"] == [100, 300, 500, 600, 700, 800, 900, 1000]
    assert first["charDurationsMs"] == [200, 200, 100, 100, 100, 100, 100, 0]
    silence = times.align(EncodedAudio(b"", (), 0.5))
    assert silence == {"chars": [" "], "charStartTimesMs": [0], "charDurationsMs": [200]}
    assert times.align(EncodedAudio(b"rest")) is None
    second = times.align(EncodedAudio(b"", (Word("Oh.", 1.3, 1.6),), 0.6))
    assert second == {
        "chars": ["O", "h", ".", " "],
        "charStartTimesMs": [100, 200, 300, 400],
        "charDurationsMs": [100, 100, 100, 200],
    }


def test_the_beginning_of_samples_is_that_of_their_bytes() -> None:
    times = clock(audio_format("pcm", 8000))
    assert times.align(EncodedAudio(bytes(16_000), HELLO, 1.1)) is not None  # 0.1 s are in the next message
    second = times.align(EncodedAudio(bytes(16_000), (Word("Oh.", 1.3, 1.6),), 0.9))
    assert second is not None
    assert second["charStartTimesMs"][0] == 300


def test_a_voice_without_times_has_no_alignment() -> None:
    assert clock(timed=False).align(EncodedAudio(b"", (), 1.0)) is None


@given(audio())
def test_alignments_are_as_long_as_the_audio(pieces: list[EncodedAudio]) -> None:
    times, aligned, seconds, position = clock(), 0, 0.0, 0.0
    for piece in pieces:
        message = times.align(piece)
        seconds += piece.seconds
        if message is not None:
            assert len(message["chars"]) == len(message["charStartTimesMs"]) == len(message["charDurationsMs"])
            if piece.words:  # added up, they are where the message begins, so its words are where they are spoken
                assert aligned == pytest.approx(position * 1e3, abs=1)
                assert message["charStartTimesMs"][0] == pytest.approx((piece.words[0].start - position) * 1e3, abs=1)
            aligned += message["charStartTimesMs"][-1] + message["charDurationsMs"][-1]
        position = seconds
    assert aligned == pytest.approx(seconds * 1e3, abs=1)


@given(audio())
def test_continuous_times_are_in_order_and_end_with_the_audio(pieces: list[EncodedAudio]) -> None:
    times, edges = clock(continuous=True), [0]
    for piece in pieces:
        message = times.align(piece) or {"charStartTimesMs": [], "charDurationsMs": []}
        for start, duration in zip(message["charStartTimesMs"], message["charDurationsMs"], strict=True):
            edges += [start, start + duration]
    assert edges == sorted(edges)
    assert edges[-1] == pytest.approx(sum(piece.seconds for piece in pieces) * 1e3, abs=1)
