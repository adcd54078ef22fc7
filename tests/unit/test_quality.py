"""The judgement of clips: each fault alone, what is not audio, and the same verdict whatever the chunks."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otel.contract.values import CLIPPED_SHARE, Fault
from server.audio import length_bounds
from server.audio.quality import Inspector, Quality
from server.utterance import Samples, Utterance, Voice

RATE = 22050
TEXT = "The quick brown fox jumps over the lazy dog."
"""35 letters: whole at 2 s."""


def utterance(text: str = TEXT, language: str = "en", speed: float = 1.0) -> Utterance:
    return Utterance(text, Voice("ann", (language,), RATE, ""), language, len(text.split()), len(text), speed)


def tone(seconds: float, level: float = 0.3) -> Samples:
    """A hum of whole periods, that ends abruptly."""
    return (level * np.sin(2 * np.pi * 150 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def speech(seconds: float = 2.0, level: float = 0.3) -> Samples:
    """A hum between two pauses, as models make them."""
    return np.concatenate([silence(0.1), tone(seconds, level), silence(0.1)])


def verdict(*chunks: Samples, of: Utterance | None = None, rate: int = RATE) -> Quality:
    inspector = Inspector(of or utterance())
    for chunk in chunks:
        inspector.add(chunk, rate)
    return inspector.verdict()


def test_sound_speech_has_no_fault() -> None:
    quality = verdict(speech())
    assert quality.faults == ()
    assert quality.usable
    assert quality.seconds == pytest.approx(2.2)
    assert quality.loudness == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.1)
    assert quality.silence_share == pytest.approx(0.2 / 2.2, abs=0.01)
    assert quality.clipping_share == 0.0
    assert quality.dc_offset == pytest.approx(0.0, abs=1e-4)
    assert quality.seconds_per_character == pytest.approx(2.2 / len(TEXT))


@pytest.mark.parametrize("samples", [silence(2.0), speech(level=0.001), np.full(RATE, 0.5, np.float32), silence(0)])
def test_what_nobody_can_hear_is_silent(samples: Samples) -> None:
    """Zeros, a whisper below -60 dBFS, an offset alone, and nothing."""
    quality = verdict(samples)
    assert Fault.SILENT in quality.faults
    assert not quality.usable
    assert quality.loudness is None
    assert quality.silence_share == 1.0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 20_000, -1])
def test_what_is_not_a_number_is_not_audio(wrong: float, place: int) -> None:
    samples = speech()
    samples[place] = wrong
    for size in (len(samples), 1000):
        quality = verdict(*np.split(samples, range(size, len(samples), size)))
        assert quality.faults == (Fault.SILENT,)
        assert not quality.usable
        assert all(np.isfinite(getattr(quality, field.name) or 0.0) for field in fields(Quality)[:6])


def test_a_clip_is_clipped_when_more_than_one_sample_in_a_thousand_is_at_full_scale() -> None:
    samples = speech()
    few, many = samples.copy(), samples.copy()
    few[5000 : 5000 + int(CLIPPED_SHARE * len(samples))] = -1.0
    many[5000 : 5001 + int(CLIPPED_SHARE * len(samples))] = 1.0
    assert verdict(few).faults == ()
    clipped = verdict(many)
    assert clipped.faults == (Fault.CLIPPED,)
    assert clipped.usable
    assert clipped.clipping_share == pytest.approx(CLIPPED_SHARE, rel=0.05)


def test_speech_that_ends_in_mid_sound_was_cut() -> None:
    whole = speech()
    cut = verdict(whole[: -round(0.1 * RATE)])
    assert cut.faults == (Fault.TRUNCATED,)
    assert cut.usable
    faded = np.concatenate([tone(2.0), (tone(0.2) * np.linspace(1, 0.01, round(0.2 * RATE))).astype(np.float32)])
    assert verdict(faded).faults == ()


def test_speech_with_half_of_it_missing_is_not_for_anybody() -> None:
    for half in (speech(0.9), np.concatenate([speech(0.9), silence(1.0)])):
        quality = verdict(half)
        assert quality.faults == (Fault.TRUNCATED,)
        assert not quality.usable


def test_a_quick_voice_is_faulty_but_usable() -> None:
    least = length_bounds.bounds(TEXT, "en", 1.0).minimum
    assert verdict(speech(0.95 * least)).faults == (Fault.TRUNCATED,)
    assert verdict(speech(0.95 * least)).usable
    assert not verdict(speech(0.85 * least)).usable
    assert verdict(speech(1.05 * least)).faults == ()


def test_speech_of_more_than_its_text_is_too_long() -> None:
    most = length_bounds.bounds(TEXT, "en", 1.0).maximum
    assert verdict(speech(0.95 * most)).faults == ()
    babble = verdict(speech(1.05 * most))
    assert babble.faults == (Fault.TOO_LONG,)
    assert babble.usable
    lost = verdict(speech(), silence(3 * most))
    assert lost.faults == (Fault.TOO_LONG,)


def expected(seconds: float, samples: Samples, of: Utterance | None = None) -> Quality:
    """The verdict on a clip that its provider reckoned to be so long."""
    inspector = Inspector(of or utterance())
    inspector.expect(seconds)
    inspector.add(samples, RATE)
    return inspector.verdict()


def test_a_clip_is_held_to_what_its_provider_reckoned() -> None:
    assert expected(2.2, speech()).faults == ()
    half = expected(4.0, speech())
    assert half.faults == (Fault.TRUNCATED,)
    assert not half.usable
    twice = expected(0.8, speech())
    assert twice.faults == (Fault.TOO_LONG,)
    assert twice.usable


def test_a_quick_voice_that_said_so_is_usable() -> None:
    least = length_bounds.bounds(TEXT, "en", 1.0).minimum
    quick = speech(0.7 * least)
    assert not verdict(quick).usable
    assert expected(0.7 * least, quick).faults == (Fault.TRUNCATED,)
    assert expected(0.7 * least, quick).usable


def test_a_provider_that_lost_most_of_the_text_is_not_believed() -> None:
    assert not expected(0.4, speech(0.4 * length_bounds.bounds(TEXT, "en", 1.0).minimum)).usable


SIGNS = st.text(st.sampled_from("=+$%&€*~#-_/\\|<>^!?.,@'\"°★😀═─█→≠"), min_size=1, max_size=4)


@example("<<<=", 3, "", 1.0)
@example("<<<=", 4, "", 1.0)
@given(SIGNS, st.integers(3, 400), st.sampled_from(["", "Hello ", "x = "]), st.sampled_from([0.25, 1.0, 4.0]))
def test_repeated_signs_are_sure_to_be_said_only_once(sign: str, count: int, before: str, speed: float) -> None:
    """By a voice that says each sign once, and what is before them; and by one that says all of them."""
    text = before + sign * count
    one = length_bounds.bounds(before + sign, "en", speed)
    all_of_it = length_bounds.bounds(text, "en", speed)
    assert all_of_it.minimum <= one.minimum + 1e-9
    assert all_of_it.maximum >= one.maximum - 1e-9
    spoken = utterance(text, speed=speed)
    hurried = speech(max(0.2, one.minimum))
    inspector = Inspector(spoken)
    inspector.expect(len(hurried) / RATE)
    inspector.add(hurried, RATE)
    assert inspector.verdict().usable
    assert verdict(hurried, of=spoken).usable


@pytest.mark.parametrize("text", ["haha " * 100, "ha" * 100, "a " * 60, "tt " * 50, "lol" * 60, "I " * 40, "≠" * 30])
def test_a_voice_may_hurry_through_what_repeats_itself(text: str) -> None:
    """As the default voice does: it takes half of the time that it reckons with."""
    half = speech(2.5)
    inspector = Inspector(utterance(text.strip()))
    inspector.expect(5.4)
    inspector.add(half, RATE)
    assert inspector.verdict().usable


def test_an_offset_is_told_and_changes_nothing_else() -> None:
    plain, shifted = verdict(speech()), verdict(speech() + np.float32(0.1))
    assert shifted.dc_offset == pytest.approx(0.1, abs=1e-4)
    assert shifted.loudness == pytest.approx(plain.loudness, abs=0.01)
    assert shifted.silence_share == plain.silence_share
    assert shifted.faults == ()


def test_one_sample_is_not_speech() -> None:
    assert not verdict(np.array([0.5], np.float32)).usable
    assert verdict(np.array([0.5], np.float32)).seconds == 1 / RATE


def test_a_stream_knows_from_its_first_chunk_that_there_is_nothing() -> None:
    inspector = Inspector(utterance())
    assert inspector.silent_so_far
    inspector.add(silence(0.3), RATE)
    assert inspector.silent_so_far
    inspector.add(speech(level=0.0001), RATE)
    assert not inspector.silent_so_far
    inspector.add(np.array([np.nan], np.float32), RATE)
    assert inspector.silent_so_far


def test_the_rate_stays_what_it_was() -> None:
    inspector = Inspector(utterance())
    inspector.add(speech(), 22050)
    with pytest.raises(ValueError, match="22050 Hz goes on with 24000 Hz"):
        inspector.add(speech(), 24000)


WHOLE = (speech() + np.random.default_rng(1).normal(0, 0.02, len(speech())) + 0.01).clip(-1, 1).astype(np.float32)
WHOLE[8000:8100] = 1.0


@given(st.lists(st.integers(0, len(WHOLE)), max_size=40), st.integers(0, len(WHOLE)))
def test_where_the_chunks_begin_makes_no_difference(borders: list[int], end: int) -> None:
    whole, parts = verdict(WHOLE[:end]), verdict(*np.split(WHOLE[:end], sorted(min(border, end) for border in borders)))
    assert (parts.faults, parts.usable, parts.loudness is None) == (whole.faults, whole.usable, whole.loudness is None)
    for field in fields(Quality)[:6]:
        before, after = getattr(whole, field.name), getattr(parts, field.name)
        assert before is None or after == pytest.approx(before, rel=1e-6, abs=1e-9), field.name


@given(st.integers(1, 700))
def test_small_chunks_make_no_difference(size: int) -> None:
    short = WHOLE[:6000]
    parts, whole = verdict(*np.split(short, range(size, len(short), size))), verdict(short)
    assert (parts.faults, parts.usable, parts.seconds) == (whole.faults, whole.usable, whole.seconds)
    assert parts.loudness == pytest.approx(whole.loudness)


@pytest.mark.parametrize(
    ("text", "language", "seconds"),
    [
        ("1234567", "en", 3.3),
        ("$5,000,000", "en", 1.3),
        ("NASA", "en", 0.6),
        ("FBI", "en", 0.8),
        ("Hi", "en", 0.25),
        ("a", "en", 0.15),
        ("noooooooooooooooo", "en", 0.6),
        ("\N{PARTY POPPER}\N{ROCKET}", "en", 1.6),
        ("\u4e00\u4e8c", "en", 2.0),
        ("\u3053\u3093\u306b\u3061\u306f", "ja", 0.8),
        ("\u4eca\u5929\u5929\u6c14\u5f88\u597d", "zh", 1.2),
        ("\u0421\u043f\u0430\u0441\u0438\u0431\u043e", "ru", 0.6),
        ("Donaudampfschifffahrtsgesellschaft", "de", 2.2),
        (TEXT, "en", 2.0),
    ],
)
def test_texts_take_as_long_as_they_take(text: str, language: str, seconds: float) -> None:
    """A usual time, pauses not counted, lies within the bounds."""
    bounds = length_bounds.bounds(text, language, 1.0)
    assert bounds.minimum < seconds < bounds.maximum


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
def test_speed_scales_the_bounds_for_exact_engines_and_for_stiff_ones(speed: float) -> None:
    plain, bounds = length_bounds.bounds(TEXT * 9, "en", 1.0), length_bounds.bounds(TEXT * 9, "en", speed)
    usual = 9 * 2.0
    for stiff in (0.0, 0.15):
        assert bounds.minimum < usual * (stiff + (1 - stiff) / speed) < bounds.maximum
    assert (bounds.minimum < plain.minimum) == (speed > 1)


@given(st.text(max_size=300), st.sampled_from(["en", "en-us", "ja", "zh", "ru", "th"]), st.floats(0.25, 4.0))
def test_any_text_has_bounds(text: str, language: str, speed: float) -> None:
    bounds = length_bounds.bounds(text, language, speed)
    assert 0.0 <= bounds.minimum < bounds.maximum
    assert length_bounds.bounds(text + " word", language, speed).minimum >= bounds.minimum
