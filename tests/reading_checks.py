"""Checks of how texts are read that hold in every language."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from server.text.reading import read_text


def check_that_nothing_is_dropped(text: str, language: str, silent: Collection[str]) -> None:
    """Fails if a letter or digit is neither spoken nor inside a stretch whose rule is one of ``silent``."""
    for sentence in read_text(" ".join(text.split()), language):
        for stretch in sentence.stretches:
            written = sentence.written[stretch.start : stretch.stop]
            if any(map(str.isalnum, written)) and stretch.rule not in silent:
                assert any(map(str.isalnum, stretch.spoken)), (written, stretch)
        written = "".join(word.written for word in sentence.words)
        assert "".join(written.split()) == "".join(sentence.written.split())


def check_that_time_is_linear(read: Callable[[str], object], part: str, length: int) -> None:
    """Fails if ``read`` takes far longer for ``length`` characters of repeated ``part`` than for a sixteenth of them.

    About how the time grows, not how long it is: of 16 times as much a quadratic reader would take 256 times.
    """

    def seconds(length: int) -> float:
        text = (part * length)[:length]
        least = float("inf")
        for _ in range(3):
            begun = time.thread_time()
            read(text)
            least = min(least, time.thread_time() - begun)
        return least

    read("a")
    assert seconds(length) < 100 * max(seconds(length // 16), 0.0005)
