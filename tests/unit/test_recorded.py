"""Recorded traffic, and the filler that takes the place of its texts."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.clients.filler import LONGEST_WORD, filler
from bench.recorded import read_traffic, seconds_since
from bench.replay import moment, rebuilt, selection
from server.text.counts import count_words
from tests.examples import examples
from tests.unit.drift.events import MORNING, line, record


@given(st.integers(1, 400), st.floats(2.5, LONGEST_WORD), st.integers(0, 3))
@settings(max_examples=examples(60))
def test_filler_has_the_words_and_characters_that_were_asked_for(words: int, length: float, seed: int) -> None:
    characters = max(2, round(words * length))
    text = filler(words, characters, seed)
    assert len(text) == characters
    assert count_words(text, "en") == words == len(text.split())
    assert text == filler(words, characters, seed)


@pytest.mark.parametrize(("words", "characters"), [(1, 200), (50, 40), (1, 1), (0, 7)])
def test_filler_keeps_the_characters_where_both_numbers_can_not_be_met(words: int, characters: int) -> None:
    assert len(filler(words, characters, 1)) == max(2, characters)


def test_long_filler_has_sentences() -> None:
    text = filler(200, 1100, 1)
    assert 8 <= text.count(". ") + 1 <= 14
    assert text.endswith(".")
    assert filler(200, 1100, 2) != text


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """A file with two streams, a hit, a refusal and an invalid request, not in the order of their arrivals."""
    common = {"char_count": 60, "streamed": True, "voice_name": "joe", "status_code": 200}
    slow = {"duration": 4.0, "time_to_first_audio": 0.2, "audio_duration": 5.0, "real_time_factor": 0.2}
    quick = {"duration": 0.5, "time_to_first_audio": 0.1, "audio_duration": 3.0, "real_time_factor": 0.1}
    rows = [
        record(12, **common, **slow, cache="miss"),
        record(10, **common, **quick, cache="miss"),
        record(13, **(common | {"streamed": False}), word_count=10, duration=0.01, audio_duration=3.0, cache="hit"),
        record(14, **(common | {"status_code": 429}), duration={}, outcome="rejected", cache="bypass"),
        record(15, **(common | {"status_code": 400}), outcome="rejected"),
        record(16, status_code=413, outcome="rejected"),
    ]
    path = tmp_path / "requests.jsonl"
    path.write_bytes(line(*rows))
    return path


def test_arrivals_are_in_order_and_invalid_requests_left_out(events: Path) -> None:
    traffic = read_traffic([events])
    assert [round(at, 3) for at, _ in seconds_since(traffic.requests)] == [0.0, 1.5, 4.99, 6.0]
    assert [request.cached for request in traffic.requests] == [False, False, True, False]
    assert [request.outcome for request in traffic.requests] == ["ok", "ok", "ok", "rejected"]
    assert [request.work for request in traffic.requests] == pytest.approx([1.0, 0.3, None, None])
    assert traffic.skipped == 2
    assert traffic.first_audio(0.5) == pytest.approx(0.15)


def test_the_busiest_stretch_is_chosen(tmp_path: Path) -> None:
    quiet = [record(60 * number, char_count=50) for number in range(1, 10)]
    busy = [record(200 + number, char_count=70) for number in range(30)]
    path = tmp_path / "requests.jsonl"
    path.write_bytes(line(*quiet, *busy))
    traffic = read_traffic([path])
    chosen = selection(traffic, None, minutes=0.5)
    assert Counter(request.characters for request in chosen.requests)[70] == 30
    assert chosen.seconds <= 30
    later = selection(traffic, MORNING + timedelta(seconds=300), minutes=None)
    assert 0 < len(later.requests) < len(traffic.requests)
    assert all(request.at >= MORNING + timedelta(seconds=300) for request in later.requests)
    assert moment("2026-11-30T14:20").isoformat() == "2026-11-30T14:20:00+00:00"


def test_a_hit_repeats_a_text_and_others_are_new(events: Path) -> None:
    first, second, hit, refused = rebuilt(read_traffic([events]).requests, frozenset({"amy"}))
    assert [request.words for request in (first, second, hit, refused)] == [12, 10, 10, 14]
    assert len({first.text, second.text, refused.text}) == 3
    assert hit.text == second.text
    assert b"voice_name" not in first.body
    [named, *_] = rebuilt(read_traffic([events]).requests, frozenset({"joe"}))
    assert b'"voice_name": "joe"' in named.body
