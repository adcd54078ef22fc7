"""In which pieces a sentence is made."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scheduling.windows import FIRST_WINDOWS, GROWTH, WINDOW, FrameSpan, blocks, windows

FRAMES = st.integers(1, 5000)
CONTEXTS = st.integers(0, 64)


def covers(spans: tuple[FrameSpan, ...], frames: int) -> bool:
    """Whether joined they are all of it: each frame once, in order, none of them empty."""
    joined = all(before.stop == after.start for before, after in pairwise(spans))
    return joined and spans[0].start == 0 and spans[-1].stop == frames and all(span.frames > 0 for span in spans)


@given(FRAMES, st.booleans(), CONTEXTS)
def test_windows_and_blocks_cover_a_sentence_exactly(frames: int, low_latency: bool, context: int) -> None:
    assert covers(windows(frames, low_latency), frames)
    assert covers(blocks(frames, low_latency, context), frames)


@given(FRAMES, st.booleans())
def test_a_window_is_never_much_longer_than_planned_nor_a_rest_much_shorter(frames: int, low_latency: bool) -> None:
    spans = windows(frames, low_latency)
    for number, span in enumerate(spans):
        planned = FIRST_WINDOWS[number] if low_latency and number < len(FIRST_WINDOWS) else WINDOW
        assert span.frames < planned * 3 // 2
        assert span.frames == planned or span is spans[-1]
        assert number == 0 or span.frames >= spans[number - 1].frames // 2


@given(FRAMES)
def test_the_first_windows_of_a_stream_are_small_and_grow(frames: int) -> None:
    sizes = [span.frames for span in windows(frames, low_latency=True)]
    assert sizes[0] < WINDOW // 2
    assert sizes[:-1] == sorted(sizes[:-1])


@given(FRAMES, CONTEXTS)
def test_the_first_block_of_a_stream_is_enough_for_its_first_window_and_little_more(frames: int, context: int) -> None:
    first, *_ = blocks(frames, low_latency=True, context=context)
    assert first.stop >= min(frames, windows(frames, low_latency=True)[0].stop + context)
    assert first.frames < 2 * (FIRST_WINDOWS[0] + context)


@given(FRAMES, CONTEXTS)
def test_no_block_of_a_stream_is_too_long_to_be_made_while_the_one_before_is_heard(frames: int, context: int) -> None:
    spans = blocks(frames, low_latency=True, context=context)
    for before, after in pairwise(spans):
        assert after.frames <= before.frames * GROWTH * 2


@given(FRAMES, CONTEXTS)
def test_nobody_waits_for_the_first_audio_of_the_other_sentences(frames: int, context: int) -> None:
    assert len(blocks(frames, low_latency=False, context=context)) == 1


@pytest.mark.parametrize(
    ("frames", "low_latency", "sizes"),
    [
        (1, True, [1]),
        (47, True, [47]),
        (48, True, [32, 16]),
        (300, True, [32, 64, 128, 76]),
        (191, False, [191]),
        (192, False, [128, 64]),
    ],
)
def test_examples(frames: int, low_latency: bool, sizes: list[int]) -> None:
    assert [span.frames for span in windows(frames, low_latency)] == sizes
